import Testing

@Test("the TLS target has a test bundle") func placeholderTLS() {}
