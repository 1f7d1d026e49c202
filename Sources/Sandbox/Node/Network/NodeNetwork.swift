package import Kernel
import Glibc
import Synchronization

/// The network of the sandbox's one node: a namespace that routes between the pods, and nothing else.
///
///     pod eth0 10.244.0.N/32 ── veth ── node namespace (gateway 10.244.0.1, node 172.30.0.2) ── veth ── pod eth0
///
/// Every pod has a link of its own to the node and a route of its own there, so that all traffic between pods passes the
/// node's rules: that is what makes Services work in both directions. The rest of the pods' range is a black hole. The
/// namespace in which the sandbox runs has no link to any of it.
package final class NodeNetwork: Sendable {
    /// Addresses of pods.
    package static let podRange = "10.244.0.0/24"
    /// Cluster addresses of Services.
    package static let serviceRange = "10.96.0.0/16"
    /// The pods' gateway.
    package static let gateway = InternetAddress(v4: 0x0AF4_0001)
    /// The node's own address: where the API server and the DNS listen for the pods.
    package static let node = InternetAddress(v4: 0xAC1E_0002)

    /// The node's namespace.
    package let namespace: NetworkNamespace
    private let used = Mutex<(addresses: Set<UInt32>, last: UInt32)>(([], 1))

    /// Takes a fresh namespace.
    package init(namespace: NetworkNamespace) {
        self.namespace = namespace
    }

    /// Gives the node its addresses and routes.
    package func setUp() throws(SystemError) {
        try self.namespace.run { () throws(SystemError) in
            let netlink = try RouteSocket()
            let loopback = try netlink.index(of: "lo")
            try netlink.setUp(loopback, true)
            for address in [Self.gateway, Self.node] {
                try netlink.addAddress(loopback, address, length: 32)
            }
            if let pods = InternetPrefix(Self.podRange), let services = InternetPrefix(Self.serviceRange) {
                try netlink.add(NetworkRoute(to: pods, kind: 6))
                // Only so that the node's own processes have a way to Services: the rules send it on or drop it.
                try netlink.add(NetworkRoute(to: services, link: loopback, source: Self.node))
            }
        }
    }

    /// Joins a pod's namespace and gives it an address.
    package func attach(_ pod: NetworkNamespace) throws(SystemError) -> InternetAddress {
        let address = try self.allocate()
        let name = "pod\((address.v4 ?? 0) & 0xFF)"
        try self.namespace.run { () throws(SystemError) in
            let netlink = try RouteSocket()
            try netlink.addPair(name, peer: "eth0", in: pod)
            let link = try netlink.index(of: name)
            try netlink.setUp(link, true)
            try netlink.add(NetworkRoute(to: InternetPrefix(address), link: link, source: Self.gateway))
        }
        try pod.run { () throws(SystemError) in
            let netlink = try RouteSocket()
            try netlink.setUp(try netlink.index(of: "lo"), true)
            let link = try netlink.index(of: "eth0")
            try netlink.addAddress(link, address, length: 32)
            try netlink.setUp(link, true)
            try netlink.add(NetworkRoute(to: InternetPrefix(Self.gateway), link: link, source: address))
            if let everything = InternetPrefix(.anyV4, length: 0) {
                try netlink.add(NetworkRoute(to: everything, gateway: Self.gateway, link: link))
            }
        }
        return address
    }

    /// Takes a pod's address back; its link goes with its namespace, which may take the kernel a moment.
    package func detach(_ address: InternetAddress) {
        let name = "pod\((address.v4 ?? 0) & 0xFF)"
        try? self.namespace.run { () throws(SystemError) in
            let netlink = try RouteSocket()
            try netlink.deleteLink(try netlink.index(of: name))
        }
        _ = self.used.withLock { $0.addresses.remove(address.v4 ?? 0) }
    }

    /// Runs a program in the node's namespace with text on its standard input; its exit status and errors.
    package func execute(_ arguments: [String], input: String = "") throws(SystemError) -> (status: CInt, error: String)
    {
        try self.namespace.run { () throws(SystemError) in try Subprocess.run(arguments, input: input) }
    }

    /// The next free address; one that was given back comes up again last.
    private func allocate() throws(SystemError) -> InternetAddress {
        let base = (Self.gateway.v4 ?? 0) - 1
        let found = self.used.withLock { used -> UInt32? in
            for step in 1...253 {
                let last = (used.last + 251 + UInt32(step)) % 253 + 2
                if used.addresses.insert(base + last).inserted {
                    used.last = last
                    return base + last
                }
            }
            return nil
        }
        guard let found else { throw SystemError("allocate a pod address", Self.podRange, code: EADDRNOTAVAIL) }
        return InternetAddress(v4: found)
    }
}
