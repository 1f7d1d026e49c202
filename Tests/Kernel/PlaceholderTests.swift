import Testing

@Test("the Kernel target has a test bundle") func placeholderKernel() {}
