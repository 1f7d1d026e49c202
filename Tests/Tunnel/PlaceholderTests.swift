import Testing

@Test("the Tunnel target has a test bundle") func placeholderTunnel() {}
