package import Actor
import Glibc
import Kernel
package import Message
import Network

/// Sets up the network of a Linux workstation: interface, addresses, own routing table behind own rules, DNS hook.
package struct LinuxRootNetwork: RootNetwork {
    /// The routing table of the cluster's subnets.
    static let table: UInt32 = 2018

    /// The priority of the rules that lead there.
    static let routePriority: UInt32 = 5200

    /// The priority, higher, of the rules that keep ranges where they are.
    static let keptPriority: UInt32 = 5199

    private let journal: @Sendable (String) -> Void
    private let resolverConfiguration: String

    /// `journal` gets a line before each thing is made and after it was taken away.
    package init(
        resolverConfiguration: String = "/etc/resolv.conf",
        journal: @escaping @Sendable (String) -> Void
    ) {
        self.resolverConfiguration = resolverConfiguration
        self.journal = journal
    }

    /// Takes away what an earlier daemon left behind, should it and its janitor both have been killed.
    package static func removeLeftovers() {
        guard let netlink = try? RouteSocket() else { return }
        for rule in (try? netlink.rules()) ?? [] {
            let leads = rule.priority == routePriority && rule.table == table
            let keeps = rule.priority == keptPriority && rule.table == NetworkRoute.mainTable && rule.destination != nil
            if leads || keeps { try? netlink.delete(rule) }
        }
        let routes = ((try? netlink.routes()) ?? []).filter { $0.table == table }
        for link in Set(routes.compactMap(\.link)) { try? netlink.deleteLink(link) }
        for route in routes { try? netlink.delete(route) }
    }

    package func setUp(_ setup: NetworkSetup) throws(RootFailure) -> any EstablishedNetwork {
        let nameservers = ResolverConfiguration(parsing: HostProgram.text(of: resolverConfiguration) ?? "").nameservers
        let undo = UndoList(journal: journal)
        do {
            return try LinuxNetwork(setup, nameservers: nameservers, undo: undo)
        } catch {
            undo.undoAll()
            throw error
        }
    }
}
