import Testing

@Test("the Call target has a test bundle") func placeholderCall() {}
