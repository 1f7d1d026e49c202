package import Message

/// What the manager needs to know of a service.
package struct ServiceFacts: Sendable, Hashable {
    /// A port of the service.
    package struct Port: Sendable, Hashable {
        package var name: String
        package var number: UInt16
        package var transport: PortProtocol
        /// Number, or name of a container port.
        package var target: String

        package init(name: String, number: UInt16, transport: PortProtocol = .tcp, target: String) {
            self.name = name
            self.number = number
            self.transport = transport
            self.target = target
        }
    }

    package var name: String
    package var selector: [String: String]
    package var ports: [Port]

    package init(name: String, selector: [String: String], ports: [Port]) {
        self.name = name
        self.selector = selector
        self.ports = ports
    }

    /// Whether it selects pods with `labels`.
    ///
    /// A service without selector selects none.
    package func selects(_ labels: [String: String]) -> Bool {
        !selector.isEmpty && selector.allSatisfy { labels[$0.key] == $0.value }
    }
}
