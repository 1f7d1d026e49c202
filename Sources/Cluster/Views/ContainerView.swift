/// A container of a pod.
package struct ContainerView: Sendable {
    package let object: JSONValue

    package init(_ object: JSONValue) {
        self.object = object
    }

    /// A port that a container declares.
    package struct Port: Sendable, Hashable {
        package let name: String?
        package let number: Int
        /// `TCP`, `UDP` or `SCTP`.
        package let transport: String
    }

    package var name: String { object["name"]?.string ?? "" }

    package var ports: [Port] {
        (object["ports"]?.array ?? []).compactMap { port in
            guard let number = port["containerPort"]?.int else { return nil }
            return Port(
                name: port["name"]?.string,
                number: number,
                transport: port["protocol"]?.string ?? "TCP"
            )
        }
    }
}
