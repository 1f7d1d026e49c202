import Testing

@Test("the Host target has a test bundle") func placeholderHost() {}
