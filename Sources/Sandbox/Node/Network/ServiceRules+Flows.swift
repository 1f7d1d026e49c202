extension ServiceRules {
    /// Commands that forget UDP flows towards endpoints that serve no more.
    ///
    /// A flow of datagrams has no end that the kernel could see: without this it would go on to a dead endpoint for as
    /// long as the client sends.
    static func staleFlows(before: ServiceRules?, after: ServiceRules) -> [[String]] {
        guard let before else { return [] }
        var commands: [[String]] = []
        for port in before.ports where port.transport == "udp" {
            let now = after.ports.first {
                $0.transport == "udp" && $0.clusterAddress == port.clusterAddress && $0.port == port.port
            }
            for endpoint in port.endpoints where now?.endpoints.contains(endpoint) != true {
                guard let address = port.clusterAddress else { continue }
                commands.append([
                    "conntrack", "-D", "-p", "udp", "--orig-dst", address, "--orig-port-dst", String(port.port),
                    "--reply-src", endpoint.address,
                ])
            }
        }
        return commands
    }
}
