import Testing

@Test("the Network target has a test bundle") func placeholderNetwork() {}
