import Actor
import Glibc
import Kernel
import Message
import Network
import Synchronization

/// The network that `LinuxRootNetwork` has set up.
///
/// Concurrency model: used by the root daemon's actor; the descriptors may be taken from any thread.
final class LinuxNetwork: EstablishedNetwork {
    private struct State {
        var rules: [RoutingRule] = []
        var routes: [InternetPrefix] = []
        var descriptors: [Descriptor] = []
        var table: Held?
        var isUndone = false
    }

    /// The redirect, handed from the thread that made it to the one that closes it.
    private final class Held: @unchecked Sendable {
        let table: FilterTable

        init(_ table: FilterTable) { self.table = table }
    }

    let result: NetworkSetupResult
    private let link: UInt32
    private let undoList: UndoList
    private let neverProxy: [InternetPrefix]
    /// The resolvers that are asked from here: never to be cut off.
    private let nameservers: [InternetAddress]
    private let hasV6: Bool
    private let state: Mutex<State>

    /// Sets everything up; on failure `undo` knows what is to be taken away.
    init(_ setup: NetworkSetup, nameservers: [InternetAddress], undo: UndoList) throws(RootFailure) {
        undoList = undo
        let upstreams = DNSHook.upstreams(nameservers)
        let kept = nameservers + upstreams.filter { !nameservers.contains($0) }
        self.nameservers = kept
        neverProxy = try LinuxNetwork.prefixes(setup.neverProxy)
        let wanted = try LinuxNetwork.prefixes(setup.routes)
        let prefix = setup.interfacePrefix.isEmpty ? "tel" : setup.interfacePrefix
        guard prefix.count <= 8, prefix.allSatisfy({ $0.isASCII && ($0.isLetter || $0.isNumber) }) else {
            throw RootFailure(.invalid, "\(prefix) is no start of an interface's name: use up to 8 letters and digits")
        }
        let plan = try LinuxNetwork.plan(wanted, neverProxy, kept)
        var warnings = plan.warnings
        var made = State()
        // First in the list, and so last to be undone: by then the owner's table is gone.
        if setup.dns != nil {
            for server in nameservers { undo.add(.redirect(server)) }
        }
        var descriptors: [(kind: String, descriptor: Descriptor)]
        let name: String
        do throws(SystemError) {
            let netlink = try RouteSocket()
            let tun = try TunDevice.open(prefix + "%d")
            name = tun.name
            undo.add(.link(name))
            link = try netlink.index(of: name)
            descriptors = [("tun", tun.descriptor)]
            descriptors.append(("listener", try LinuxNetwork.addressV4(link, netlink)))
            let listenerV6 = LinuxNetwork.addressV6(link, netlink)
            if let listenerV6 {
                descriptors.append(("listener", listenerV6))
            } else {
                warnings.append("IPv6 is not available on this workstation")
            }
            hasV6 = listenerV6 != nil
            (made.routes, made.rules) = LinuxNetwork.usable(plan, hasV6: hasV6)
            for route in made.routes {
                try netlink.add(NetworkRoute(to: route, link: link, table: LinuxRootNetwork.table))
            }
            for rule in made.rules { try LinuxNetwork.add(rule, netlink, undo) }
        } catch {
            throw RootFailure(.failed, "\(error)")
        }
        var hook = "none"
        if let dns = setup.dns {
            let installed = DNSHook.install(dns, interface: name, nameservers: nameservers)
            hook = installed.name
            warnings += installed.warnings
            descriptors += installed.descriptors
            made.table = installed.table.map { Held($0) }
        }
        made.descriptors = descriptors.map(\.descriptor)
        result = NetworkSetupResult(
            interface: name,
            dnsHook: hook,
            descriptors: descriptors.map(\.kind),
            nameservers: (hook == DNSHook.resolvedName ? upstreams : nameservers).map(\.description),
            warnings: warnings
        )
        state = Mutex(made)
    }

    var routes: [String] {
        state.withLock { $0.routes.map(\.description) }
    }

    /// Gives the descriptors away, in the order of `result.descriptors`; nothing the second time.
    func takeDescriptors() -> [Descriptor] {
        state.withLock { state in
            defer { state.descriptors = [] }
            return state.descriptors
        }
    }

    func replaceRoutes(_ routes: [String]) throws(RootFailure) {
        let plan = try LinuxNetwork.plan(try LinuxNetwork.prefixes(routes), neverProxy, nameservers)
        let before = state.withLock { ($0.routes, $0.rules) }
        let (routes, rules) = LinuxNetwork.usable(plan, hasV6: hasV6)
        do throws(SystemError) {
            let netlink = try RouteSocket()
            for route in routes where !before.0.contains(route) {
                try netlink.add(NetworkRoute(to: route, link: link, table: LinuxRootNetwork.table))
            }
            for rule in rules where !before.1.contains(rule) { try LinuxNetwork.add(rule, netlink, undoList) }
            for rule in before.1 where !rules.contains(rule) { undoList.undo(.rule(rule), netlink) }
            for route in before.0 where !routes.contains(route) {
                try? netlink.delete(NetworkRoute(to: route, link: link, table: LinuxRootNetwork.table))
            }
        } catch {
            // Back to what was: rules and routes that are new go again.
            if let netlink = try? RouteSocket() {
                for rule in rules where !before.1.contains(rule) { undoList.undo(.rule(rule), netlink) }
                for route in routes where !before.0.contains(route) {
                    try? netlink.delete(NetworkRoute(to: route, link: link, table: LinuxRootNetwork.table))
                }
            }
            throw RootFailure(.failed, "\(error)")
        }
        state.withLock { state in
            state.routes = routes
            state.rules = rules
        }
    }

    /// What of a plan can be on this workstation.
    private static func usable(_ plan: RoutePlan, hasV6: Bool) -> ([InternetPrefix], [RoutingRule]) {
        let routes = plan.routes.filter { hasV6 || $0.address.family == .v4 }
        return (routes, rules(routes, plan.kept.filter { hasV6 || $0.address.family == .v4 }))
    }

    func undo() {
        let table = state.withLock { state -> Held? in
            defer {
                state.isUndone = true
                state.table = nil
                state.descriptors = []
            }
            return state.table
        }
        // First the hook: no query may be lost to a resolver that is gone.
        table?.table.close()
        undoList.undoAll()
    }

    // MARK: Parts

    private static func prefixes(_ texts: [String]) throws(RootFailure) -> [InternetPrefix] {
        var found: [InternetPrefix] = []
        for text in texts {
            guard let prefix = InternetPrefix(text) else {
                throw RootFailure(.invalid, "\(text) is no subnet; it should look like 10.96.0.0/12 or fd00::/64")
            }
            found.append(prefix)
        }
        return found
    }

    private static func plan(
        _ wanted: [InternetPrefix],
        _ neverProxy: [InternetPrefix],
        _ nameservers: [InternetAddress]
    ) throws(RootFailure) -> RoutePlan {
        do {
            let present = try RouteSocket().routes()
            return try RoutePlan(wanted, neverProxy: neverProxy, nameservers: nameservers, present: present)
        } catch let refusal as RoutePlan.Refusal {
            throw RootFailure(.invalid, refusal.description)
        } catch {
            throw RootFailure(.failed, "\(error)")
        }
    }

    private static func rules(_ routes: [InternetPrefix], _ kept: [InternetPrefix]) -> [RoutingRule] {
        kept.map {
            RoutingRule(
                family: $0.address.family,
                priority: LinuxRootNetwork.keptPriority,
                destination: $0,
                table: NetworkRoute.mainTable
            )
        }
            + routes.map {
                RoutingRule(
                    family: $0.address.family,
                    priority: LinuxRootNetwork.routePriority,
                    destination: $0,
                    table: LinuxRootNetwork.table
                )
            }
    }

    private static func add(_ rule: RoutingRule, _ netlink: RouteSocket, _ undo: UndoList) throws(SystemError) {
        undo.add(.rule(rule))
        try netlink.add(rule)
    }

    private static func addressV4(_ link: UInt32, _ netlink: RouteSocket) throws(SystemError) -> Descriptor {
        let addresses = VirtualAddresses.standard
        try netlink.setMTU(link, 1500)
        try netlink.setUp(link, true)
        try netlink.addAddress(link, addresses.ownV4, length: addresses.subnetV4.length)
        return try Sockets.listenTCP(InternetEndpoint(addresses.ownV4, port: 0))
    }

    /// Nil where the kernel has no IPv6, or it is switched off.
    private static func addressV6(_ link: UInt32, _ netlink: RouteSocket) -> Descriptor? {
        let addresses = VirtualAddresses.standard
        guard (try? netlink.addAddress(link, addresses.ownV6, length: addresses.subnetV6.length)) != nil else {
            return nil
        }
        return try? Sockets.listenTCP(InternetEndpoint(addresses.ownV6, port: 0))
    }
}
