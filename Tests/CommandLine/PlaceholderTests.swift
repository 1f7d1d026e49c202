import Testing

@Test("the CommandLine target has a test bundle") func placeholderCommandLine() {}
