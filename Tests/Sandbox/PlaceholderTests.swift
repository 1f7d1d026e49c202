import Testing

@Test("the Sandbox target has a test bundle") func placeholderSandbox() {}
