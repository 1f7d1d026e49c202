import Testing

@Test("the HTTP2 target has a test bundle") func placeholderHTTP2() {}
