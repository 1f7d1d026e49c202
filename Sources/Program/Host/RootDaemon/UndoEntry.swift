import Kernel

/// One thing that must be taken away again, as a line of text for the janitor.
enum UndoEntry: Hashable, Sendable, CustomStringConvertible {
    /// A network interface.
    case link(String)

    /// A routing rule.
    case rule(RoutingRule)

    /// Flows to a resolver whose queries were redirected. The redirect itself goes with its owner.
    case redirect(InternetAddress)

    var description: String {
        switch self {
        case .link(let name): "link \(name)"
        case .redirect(let server): "redirect \(server)"
        case .rule(let rule):
            "rule \(rule.priority) \(rule.destination.map { "\($0)" } ?? (rule.family == .v4 ? "-4" : "-6")) \(rule.table)"
        }
    }

    /// Reads a line; nil when it is none.
    init?(_ line: some StringProtocol) {
        let words = line.split(separator: " ")
        switch (words.first, words.count) {
        case ("link", 2): self = .link(String(words[1]))
        case ("redirect", 2):
            guard let server = InternetAddress(words[1]) else { return nil }
            self = .redirect(server)
        case ("rule", 4):
            guard let priority = UInt32(words[1]), let destination = InternetPrefix(words[2]),
                let table = UInt32(words[3])
            else { return nil }
            let family = destination.address.family
            self = .rule(RoutingRule(family: family, priority: priority, destination: destination, table: table))
        default: return nil
        }
    }

    /// Takes the thing away.
    ///
    /// What is gone already is fine.
    func undo(_ netlink: RouteSocket) {
        switch self {
        case .link(let name):
            if let index = try? netlink.index(of: name) { try? netlink.deleteLink(index) }
        case .rule(let rule):
            try? netlink.delete(rule)
        case .redirect(let server):
            ConnectionTracking.forgetDNS(to: [server])
        }
    }
}
