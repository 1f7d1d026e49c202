import Testing

@Test("the Message target has a test bundle") func placeholderMessage() {}
