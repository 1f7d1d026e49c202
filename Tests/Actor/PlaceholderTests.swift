import Testing

@Test("the Actor target has a test bundle") func placeholderActor() {}
