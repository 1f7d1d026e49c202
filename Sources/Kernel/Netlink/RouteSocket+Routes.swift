import Glibc

extension RouteSocket {
    /// Adds a route.
    ///
    /// One that is there already is EEXIST.
    package func add(_ route: NetworkRoute) throws(SystemError) {
        let message = message(route, type: 24, flags: [.request, .acknowledge, .create, .exclusive])
        try netlink.perform(message, "add route to", "\(route.destination)")
    }

    /// Removes a route.
    ///
    /// One that is not there is ESRCH.
    package func delete(_ route: NetworkRoute) throws(SystemError) {
        let message = message(route, type: 25, flags: [.request, .acknowledge])
        try netlink.perform(message, "remove route to", "\(route.destination)")
    }

    /// The routes of both families in every table.
    package func routes() throws(SystemError) -> [NetworkRoute] {
        var message = NetlinkMessage(type: 26, flags: [.request, .dump])
        message.append(UInt64(0))
        message.append(UInt32(0))
        return try netlink.exchange(message, "list", "routes").compactMap(NetworkRoute.init)
    }

    /// Adds a rule.
    ///
    /// One that is there already is EEXIST.
    package func add(_ rule: RoutingRule) throws(SystemError) {
        let message = message(rule, type: 32, flags: [.request, .acknowledge, .create, .exclusive])
        try netlink.perform(message, "add rule", "\(rule.priority)")
    }

    /// Removes a rule.
    ///
    /// One that is not there is ENOENT.
    package func delete(_ rule: RoutingRule) throws(SystemError) {
        let message = message(rule, type: 33, flags: [.request, .acknowledge])
        try netlink.perform(message, "remove rule", "\(rule.priority)")
    }

    /// The rules of both families.
    package func rules() throws(SystemError) -> [RoutingRule] {
        var found: [RoutingRule] = []
        for family in [AF_INET, AF_INET6] {
            var message = NetlinkMessage(type: 34, flags: [.request, .dump])
            message.append(UInt8(family))
            message.append(UInt8(0))
            message.append(UInt16(0))
            message.append(UInt64(0))
            found += try netlink.exchange(message, "list", "rules").compactMap(RoutingRule.init)
        }
        return found
    }

    private func message(_ route: NetworkRoute, type: UInt16, flags: NetlinkMessage.Flags) -> NetlinkMessage {
        var message = NetlinkMessage(type: type, flags: flags)
        message.append(Self.family(route.destination.address))
        message.append(UInt8(truncatingIfNeeded: route.destination.length))
        message.append(UInt8(0))
        message.append(UInt8(0))
        message.append(UInt8(route.table < 256 ? route.table : 0))
        message.append(route.origin)
        // A route without a gateway reaches neighbours only (RT_SCOPE_LINK), which IPv6 does not ask for.
        message.append(
            UInt8(route.gateway == nil && route.destination.address.family == .v4 && route.kind == 1 ? 253 : 0)
        )
        message.append(route.kind)
        message.append(UInt32(0))
        if route.destination.length > 0 { message.attribute(1, route.destination.address.bytes) }
        if let link = route.link { message.attribute(4, host: link) }
        if let gateway = route.gateway { message.attribute(5, gateway.bytes) }
        if let source = route.source { message.attribute(7, source.bytes) }
        message.attribute(15, host: route.table)
        return message
    }

    private func message(_ rule: RoutingRule, type: UInt16, flags: NetlinkMessage.Flags) -> NetlinkMessage {
        var message = NetlinkMessage(type: type, flags: flags)
        message.append(UInt8(rule.family == .v4 ? AF_INET : AF_INET6))
        message.append(UInt8(truncatingIfNeeded: rule.destination?.length ?? 0))
        message.append(UInt8(0))
        message.append(UInt8(0))
        message.append(UInt8(rule.table < 256 ? rule.table : 0))
        message.append(UInt16(0))
        message.append(UInt8(1))
        message.append(UInt32(0))
        message.attribute(6, host: rule.priority)
        message.attribute(15, host: rule.table)
        if let destination = rule.destination { message.attribute(1, destination.address.bytes) }
        if let mark = rule.mark { message.attribute(10, host: mark) }
        return message
    }
}
