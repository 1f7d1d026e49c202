import Synchronization

/// Which addresses the node's rules lead to at present; the proxy writes it, and who ends pods reads it.
package final class AppliedEndpoints: Sendable {
    private let addresses = Mutex<Set<String>>([])

    /// No address yet.
    package init() {}

    /// Notes what the rules now lead to.
    func set(_ rules: ServiceRules) {
        let all = Set(rules.ports.flatMap { $0.endpoints.map(\.address) })
        self.addresses.withLock { $0 = all }
    }

    /// Whether some Service leads to an address.
    func contains(_ address: String) -> Bool { self.addresses.withLock { $0.contains(address) } }
}
