/// The node's rules that make Services: what kube-proxy is to a real node.
///
/// A pure function of the Services' ports.
///
/// New connections to a cluster address (from pods and from the node itself) or to a node port are sent to a random ready
/// endpoint; those to a port without one are refused; a pod that reaches itself through its Service sees the node as
/// peer, else it would answer itself past the node.
struct ServiceRules: Equatable, Sendable {
    /// One port of one Service.
    struct Port: Equatable, Sendable {
        /// `tcp` or `udp`.
        var transport: String
        /// The cluster address; nil for none.
        var clusterAddress: String?
        var port: Int
        /// The port on the node's addresses; nil for none.
        var nodePort: Int?
        /// Addresses and ports that are ready, in order.
        var endpoints: [Endpoint]
        /// Seconds for which a client stays with its endpoint; nil for no such bond.
        var affinity: Int?
    }

    /// An address and port that serves.
    struct Endpoint: Hashable, Sendable, Comparable {
        var address: String
        var port: Int

        static func < (left: Self, right: Self) -> Bool {
            (left.address, left.port) < (right.address, right.port)
        }
    }

    var ports: [Port]

    /// Everything as one transaction of `nft -f`: the old table goes and the new one comes at one stroke.
    func script(serviceRange: String, node: String) -> String {
        var chains: [String] = []
        var byAddress: [String] = []
        var byNodePort: [String] = []
        var refused: [String] = []
        var refusedNodePorts: [String] = []
        for (index, port) in self.ports.enumerated() {
            let key = port.clusterAddress.map { "\($0) . \(port.transport) . \(port.port)" }
            if port.endpoints.isEmpty {
                if let key { refused.append(key) }
                if let nodePort = port.nodePort { refusedNodePorts.append("\(port.transport) . \(nodePort)") }
                continue
            }
            chains.append(self.chains(port, index))
            if let key { byAddress.append("\(key) : goto service-\(index)") }
            if let nodePort = port.nodePort {
                byNodePort.append("\(port.transport) . \(nodePort) : goto node-\(index)")
            }
        }
        let addresses = Set(self.ports.compactMap(\.clusterAddress)).sorted()
        return """
            add table ip sandbox
            delete table ip sandbox
            table ip sandbox {
              map services { type ipv4_addr . inet_proto . inet_service : verdict; \(Self.elements(byAddress)) }
              map node-ports { type inet_proto . inet_service : verdict; \(Self.elements(byNodePort)) }
              set refused { type ipv4_addr . inet_proto . inet_service; \(Self.elements(refused)) }
              set refused-node-ports { type inet_proto . inet_service; \(Self.elements(refusedNodePorts)) }
              set cluster-addresses { type ipv4_addr; \(Self.elements(addresses)) }
            \(chains.joined(separator: "\n"))
              chain services-dispatch {
                ip daddr . meta l4proto . th dport vmap @services
                ip daddr \(node) meta l4proto . th dport vmap @node-ports
              }
              chain no-service {
                ip daddr . meta l4proto . th dport @refused goto refuse
                ip daddr @cluster-addresses goto refuse
                ip daddr \(serviceRange) drop
                ip daddr \(node) meta l4proto . th dport @refused-node-ports goto refuse
              }
              chain refuse {
                meta l4proto tcp reject with tcp reset
                reject with icmp type port-unreachable
              }
              chain nat-in { type nat hook prerouting priority -100; jump services-dispatch; }
              chain nat-own { type nat hook output priority -100; jump services-dispatch; }
              chain nat-out {
                type nat hook postrouting priority 100
                meta mark & 0x4000 == 0x4000 masquerade
              }
              chain filter-in { type filter hook input priority 0; jump no-service; }
              chain filter-forward { type filter hook forward priority 0; jump no-service; }
              chain filter-own { type filter hook output priority 0; jump no-service; }
            }

            """
    }

    private func chains(_ port: Port, _ index: Int) -> String {
        var lines: [String] = []
        for (number, endpoint) in port.endpoints.enumerated() {
            lines.append(
                """
                  chain endpoint-\(index)-\(number) {
                    ip saddr \(endpoint.address) meta mark set meta mark | 0x4000
                \(port.affinity == nil ? "" : "    update @clients-\(index)-\(number) { ip saddr }")
                    meta l4proto \(port.transport) dnat to \(endpoint.address):\(endpoint.port)
                  }
                """
            )
            if let seconds = port.affinity {
                lines.append(
                    "  set clients-\(index)-\(number) { type ipv4_addr; flags dynamic,timeout; timeout \(seconds)s; }"
                )
            }
        }
        let bonds =
            port.affinity == nil
            ? ""
            : port.endpoints.indices.map {
                "    ip saddr @clients-\(index)-\($0) goto endpoint-\(index)-\($0)\n"
            }.joined()
        let choice = port.endpoints.indices.map { "\($0) : goto endpoint-\(index)-\($0)" }.joined(separator: ", ")
        lines.append(
            """
              chain service-\(index) {
            \(bonds)    numgen random mod \(port.endpoints.count) vmap { \(choice) }
              }
            """
        )
        if port.nodePort != nil {
            lines.append("  chain node-\(index) { meta mark set meta mark | 0x4000; goto service-\(index); }")
        }
        return lines.joined(separator: "\n")
    }

    private static func elements(_ elements: [String]) -> String {
        elements.isEmpty ? "" : "elements = { \(elements.joined(separator: ", ")) }"
    }
}
