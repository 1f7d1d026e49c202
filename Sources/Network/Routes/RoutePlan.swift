package import Kernel

/// Which subnets are routed to the virtual interface, and which addresses inside them stay where they are.
package struct RoutePlan: Hashable, Sendable {
    /// Why a subnet cannot be routed.
    package struct Refusal: Error, Hashable, Sendable, CustomStringConvertible {
        package let description: String
    }

    /// The subnets to be routed, none twice.
    package var routes: [InternetPrefix]

    /// Ranges inside them that keep their present route.
    package var kept: [InternetPrefix]

    /// What people should know.
    package var warnings: [String]

    /// Ranges that nobody may take away from the workstation.
    private static let untouchable = [
        "127.0.0.0/8", "169.254.0.0/16", "224.0.0.0/4", "::1/128", "fe80::/10", "ff00::/8",
    ]
    .compactMap { InternetPrefix($0) }

    /// Plans routes that cut off neither the default gateway, nor the resolvers, nor the workstation's own networks.
    ///
    /// - Parameters:
    ///   - wanted: The cluster's subnets.
    ///   - neverProxy: Ranges that must keep their present route, such as the API server's address.
    ///   - nameservers: The workstation's resolvers.
    ///   - present: Its routing table without the virtual interface's part.
    /// - Throws: `Refusal` for a subnet that would take over the default route or the loopback network.
    package init(
        _ wanted: [InternetPrefix],
        neverProxy: [InternetPrefix] = [],
        nameservers: [InternetAddress] = [],
        present: [NetworkRoute] = []
    ) throws(Refusal) {
        var routes: [InternetPrefix] = []
        for prefix in wanted where !routes.contains(prefix) && !neverProxy.contains(prefix) {
            guard prefix.length >= (prefix.address.family == .v4 ? 4 : 8) else {
                throw Refusal(description: "\(prefix) is too wide to be routed: it would take over the default route")
            }
            if let taken = RoutePlan.untouchable.first(where: { $0.overlaps(prefix) }) {
                throw Refusal(description: "\(prefix) cannot be routed: \(taken) belongs to the workstation")
            }
            routes.append(prefix)
        }
        var kept: [InternetPrefix] = []
        var warnings: [String] = []
        func keep(_ prefix: InternetPrefix) -> Bool {
            guard routes.contains(where: { $0.contains(prefix) }), !kept.contains(prefix) else { return false }
            kept.append(prefix)
            return true
        }
        for prefix in neverProxy { _ = keep(prefix) }
        for address in nameservers { _ = keep(InternetPrefix(address)) }
        for route in present where route.kind == 1 && route.table == NetworkRoute.mainTable {
            if let gateway = route.gateway, !gateway.isLinkLocal { _ = keep(InternetPrefix(gateway)) }
            guard route.destination.length > 0, route.gateway == nil, keep(route.destination) else { continue }
            warnings.append(
                "\(route.destination) is a network of this workstation and stays so: the cluster's addresses in it are "
                    + "out of reach"
            )
        }
        self.routes = routes
        self.kept = kept
        self.warnings = warnings
    }
}

extension InternetAddress {
    /// Whether it is in fe80::/10 or 169.254.0.0/16.
    package var isLinkLocal: Bool {
        family == .v4 ? low >> 16 == 0xa9fe : high >> 54 == 0x3fa
    }
}
