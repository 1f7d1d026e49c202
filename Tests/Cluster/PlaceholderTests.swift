import Testing

@Test("the Cluster target has a test bundle") func placeholderCluster() {}
