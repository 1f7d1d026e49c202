/// Traffic for one port of a pod that another one is to get.
package struct PortRedirect: Hashable, Sendable {
    package let transport: TransportProtocol

    /// The port that callers use.
    package let from: UInt16

    /// The port that gets the traffic, on the same machine.
    package let to: UInt16

    package init(_ transport: TransportProtocol, from: UInt16, to: UInt16) {
        self.transport = transport
        self.from = from
        self.to = to
    }
}
