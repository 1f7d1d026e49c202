import Actor
import Call
import HTTP2
import Message
import NIOCore
import NIOPosix
import TLS

/// A simulated participant: it has a link of its own, comes back when that is lost, and does what its kind does.
enum Participant {
    /// Dials the manager.
    static func dial(
        _ place: Place,
        _ context: TLSContext,
        _ eventLoop: any EventLoop,
        _ configuration: LinkConfiguration = LinkConfiguration()
    ) async throws -> Link {
        let channel = try await ClientBootstrap(group: eventLoop)
            .connectTimeout(.seconds(5))
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .connect(host: "127.0.0.1", port: place.port).get()
        let name = Place.serverName
        return try await eventLoop.flatSubmit {
            Link.startTLS(on: channel, context: context, dialler: name, configuration: configuration)
        }.get()
    }

    /// Serves again and again, with the pauses that real participants make.
    static func keep(_ serve: (_ welcomed: () -> Void) async throws -> Void) async {
        var backoff = Backoff()
        while !Task.isCancelled {
            try? await serve { backoff.reset() }
            try? await Task.sleep(for: backoff.next(.random(in: 0..<1)))
        }
    }
}

/// A simulated agent: confirms what it is told.
struct SimulatedAgent: Sendable {
    let place: Place
    let identity: AgentIdentity
    let eventLoop: any EventLoop
    let board: Board
    let workload: Int
    let pods: Int
    let number: Int

    func run() async {
        var former: Welcome?
        await Participant.keep { welcomed in
            let link = try await Participant.dial(place, identity.settings, eventLoop)
            defer { eventLoop.execute { link.close() } }
            let (requests, responses) = try await CallClient(link: link).bidirectional(ManagerCalls.session)
            let hello = Hello(
                kind: .agent,
                sessionID: former?.sessionID ?? "",
                version: "bench",
                agent: description,
                secret: former?.secret ?? [],
                publicKey: identity.publicKey
            )
            try await requests.send(.hello(hello))
            let beating = Task {
                while !Task.isCancelled {
                    try await Task.sleep(for: .seconds(30))
                    try await requests.send(.heartbeat(Heartbeat(sequence: 1)))
                }
            }
            defer { beating.cancel() }
            for try await message in responses {
                switch message {
                case .welcome(let welcome):
                    former = welcome
                    guard let certificate = welcome.certificate else { throw Trouble("no certificate") }
                    try identity.take(certificate)
                    welcomed()
                    board.count(.agents)
                case .attachmentChange(let change):
                    board.told(workload)
                    guard !change.removed else { continue }
                    let report = AgentReport(attachmentID: change.attachment.id, state: .active)
                    try await requests.send(.agentReport(report))
                default: break
                }
            }
        }
    }

    /// An ordinary pod: one container, thirty variables.
    private var description: AgentHello {
        let key = EvenCluster.key(workload, pods: pods)
        let variables = (0..<30).map { ("SERVICE_\($0)_HOST", "10.96.\($0).\(workload % 250)") }
        return AgentHello(
            workloadKind: key.kind,
            workloadName: key.name,
            namespace: key.namespace,
            podName: EvenCluster.pod(number, of: key),
            podIP: "10.244.\(workload % 250).\(number)",
            containers: [ContainerInfo(name: "app", environment: Dictionary(uniqueKeysWithValues: variables))],
            ports: [AgentPort(container: "app", containerPort: EvenCluster.port, agentPort: 9900, protocol: .tcp)]
        )
    }
}
