import Testing

@Test("the Architecture target has a test bundle") func placeholderArchitecture() {}
