import Cluster
import Testing

@Suite struct ClusterEndpointTests {
    @Test(
        "URLs are read",
        arguments: [
            ("https://example.org", "example.org", 443, "", "example.org"),
            ("https://10.0.0.1:6443/", "10.0.0.1", 6443, "", "10.0.0.1:6443"),
            ("https://[::1]:6443", "::1", 6443, "", "[::1]:6443"),
            (
                "https://rancher.example.org/k8s/clusters/c-1", "rancher.example.org", 443, "/k8s/clusters/c-1",
                "rancher.example.org"
            ),
        ]
    )
    func reads(url: String, host: String, port: Int, basePath: String, authority: String) throws {
        let endpoint = try ClusterEndpoint(url: url)
        #expect(endpoint.host == host)
        #expect(endpoint.port == port)
        #expect(endpoint.basePath == basePath)
        #expect(endpoint.authority == authority)
    }

    @Test(
        "wrong URLs are refused",
        arguments: [
            "", "example.org:6443", "http://example.org", "https://", "https://a:b", "https://a:70000", "https://u@a",
            "https://[::1",
        ]
    )
    func refuses(url: String) {
        #expect(throws: ClusterEndpoint.Failure.self) { try ClusterEndpoint(url: url) }
    }
}
