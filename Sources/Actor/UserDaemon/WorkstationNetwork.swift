package import Message

/// The workstation's side of the network: virtual interface, routes, DNS, local handlers.
package protocol WorkstationNetwork: Sendable {
    /// Makes the virtual interface and joins it to the session.
    ///
    /// `lost` is called once if the network goes away by itself (root daemon or holder died).
    func setUp(
        _ request: ConnectRequest,
        session: any ManagerSession,
        progress: @escaping ProgressReport,
        lost: @escaping @Sendable (String) -> Void
    ) async throws(DaemonFailure) -> NetworkFacts
    /// Sends traffic through another session from now on; nil while there is none.
    func use(_ session: (any ManagerSession)?) async
    /// Takes over changed subnets, DNS and namespaces.
    func update(_ cluster: ClusterInfo) async
    /// Says which local targets the attachments may reach.
    func serve(_ attachments: [Attachment]) async
    /// Listens on local ports that are to lead to the pod of an attachment which is not made yet.
    ///
    /// What is returned names the listeners; `conflict` where a port is in use.
    func listen(toPod ports: [PortSpec]) async throws(DaemonFailure) -> UInt64
    /// Leads what comes to such listeners to an attachment's pod, for as long as it is there; nil ends them.
    func lead(_ listeners: UInt64, to attachmentID: String?) async
    /// Which way the traffic of each attachment takes.
    func ways(_ attachments: [Attachment]) async -> [AttachmentWay]
    /// Brings an attachment's volumes to the workstation; returns once they are there, or it is clear that they are not.
    func mount(_ attachment: Attachment, _ wish: MountWish) async -> MountState
    /// Where volumes are at present, by attachment.
    func mounts() async -> [String: MountState]
    /// The root daemon's state, where one is in use.
    func rootStatus() async -> RootStatus?
    /// Undoes everything.
    func tearDown() async
}

/// What was set up on the workstation.
package struct NetworkFacts: Sendable, Equatable {
    package var interface: String
    /// How names are caught: `systemd-resolved`, `nftables`, `resolv.conf`, `none`.
    package var dnsHook: String
    /// The process that holds the isolated namespaces; 0 in host mode.
    package var holderPID: UInt32
    package var warnings: [String]

    package init(interface: String, dnsHook: String, holderPID: UInt32 = 0, warnings: [String] = []) {
        self.interface = interface
        self.dnsHook = dnsHook
        self.holderPID = holderPID
        self.warnings = warnings
    }
}
