import Actor
import Kernel
import Message

/// What makes the virtual interface: the root daemon in host mode, the holder of the namespaces in isolated mode.
protocol WorkstationDevice: AnyObject, Sendable {
    /// Makes it; `lost` is called once when it goes away by itself.
    func open(
        _ request: ConnectRequest,
        facts: SessionFacts,
        routes: [InternetPrefix],
        lost: @escaping @Sendable (String) -> Void
    ) async throws(DaemonFailure) -> DeviceParts
    /// Takes over changed subnets.
    func update(routes: [InternetPrefix]) async
    /// The root daemon's state, where there is one.
    func rootStatus() async -> RootStatus?
    /// Connects inside the isolated namespaces; nil in host mode, and where nobody listens.
    func dialInside(_ endpoint: InternetEndpoint) async -> Descriptor?
    /// A socket that is bound to an endpoint inside the isolated namespaces, and listens if it is TCP; nil in host mode.
    func listenInside(_ endpoint: InternetEndpoint, isUDP: Bool) async throws(SystemError) -> Descriptor?
    /// Undoes everything.
    func close() async
}

extension WorkstationDevice {
    func update(routes: [InternetPrefix]) async {}
    func rootStatus() async -> RootStatus? { nil }
    func dialInside(_ endpoint: InternetEndpoint) async -> Descriptor? { nil }
    func listenInside(_ endpoint: InternetEndpoint, isUDP: Bool) async throws(SystemError) -> Descriptor? { nil }
}

/// The descriptors and facts of a virtual interface that is up and routed.
struct DeviceParts: Sendable {
    var facts: NetworkFacts
    var tun: Descriptor
    /// Listening TCP sockets on the interface's own addresses.
    var listeners: [Descriptor]
    /// Bound UDP and listening TCP sockets to which DNS is redirected; none where programs ask the interface's resolver.
    var nameDatagrams: [Descriptor] = []
    var nameStreams: [Descriptor] = []
    /// UDP sockets that escape the redirect, for the workstation's own resolvers.
    var upstream: [Descriptor] = []
    /// The workstation's own resolvers.
    var nameservers: [InternetAddress] = []
}
