@testable import Actor
import HTTPFilter
import NIOCore
import NIOPosix
import Synchronization
import Tunnel

@testable import Host

/// A port with gates, between two servers of the test's own on loopback.
final class GateScene: Sendable {
    /// What a test sets, and what it finds; confined to the loop.
    final class Side: RequestRouter, UpstreamDialler {
        let loop: any EventLoop
        let appPort: Int
        let workstationPort: Int
        /// Requests with this header go to the workstation; nil: everything goes to the app.
        var header: (name: String, value: String)?
        var everythingToWorkstation = false
        /// What the workstation's side does with a dial.
        var answers = Answer.takes
        var workstationDials = 0
        /// Dials that are not answered yet.
        private var unanswered: [(Result<any Channel, DialFailure>) -> Void] = []

        enum Answer { case takes, fails, never }

        init(_ loop: any EventLoop, appPort: Int, workstationPort: Int) {
            self.loop = loop
            self.appPort = appPort
            self.workstationPort = workstationPort
        }

        static let target = AgentRoutes.Target(attachmentID: "a", sessionID: "s", address: "127.0.0.1", port: 1)

        var standing: RequestDestination? {
            if everythingToWorkstation { return .workstation(Self.target) }
            return header == nil ? .app : nil
        }

        func destination(of head: some RequestHead) -> RequestDestination {
            guard let header, head.contains(name: Array(header.name.utf8), value: Array(header.value.utf8)) else {
                return .app
            }
            return .workstation(Self.target)
        }

        func routesChanged() {}

        func hasWay(to target: AgentRoutes.Target) -> Bool { true }

        func dialApp(then completion: @escaping (Result<any Channel, any Error>) -> Void) {
            dial(appPort, completion)
        }

        func dialWorkstation(
            _ target: AgentRoutes.Target,
            then completion: @escaping (Result<any Channel, DialFailure>) -> Void
        ) {
            workstationDials += 1
            switch answers {
            case .takes: dial(workstationPort) { completion($0.mapError { _ in .refused }) }
            case .fails: loop.assumeIsolated().execute { completion(.failure(.timeout)) }
            case .never: unanswered.append(completion)
            }
        }

        /// Workstations that were dialled have had their time.
        func giveUp() {
            let all = unanswered
            unanswered = []
            for completion in all { completion(.failure(.timeout)) }
        }

        private func dial(_ port: Int, _ completion: @escaping (Result<any Channel, any Error>) -> Void) {
            TunnelSocket.bootstrap(loop, timeout: .seconds(20)).connect(host: "127.0.0.1", port: port)
                .assumeIsolated().whenComplete(completion)
        }
    }

    let loop: any EventLoop
    let port: Int
    private let side: NIOLoopBound<Side>
    private let gates: NIOLoopBound<HTTPPort>
    private let listener: any Channel

    init(
        appPort: Int,
        workstationPort: Int,
        sniffTime: TimeAmount = .milliseconds(200),
        idleTime: TimeAmount = .seconds(60)
    ) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        self.loop = loop
        (side, gates) = try await loop.submit {
            let side = Side(loop, appPort: appPort, workstationPort: workstationPort)
            let port = HTTPPort(
                eventLoop: loop,
                router: side,
                dialler: side,
                counts: AgentCounts(),
                isPlain: true,
                sniffTime: sniffTime,
                settingsTime: .seconds(60),
                idleTime: idleTime
            )
            return (NIOLoopBound(side, eventLoop: loop), NIOLoopBound(port, eventLoop: loop))
        }.get()
        let gates = gates
        listener = try await ServerBootstrap(group: loop)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try gates.value.serve(channel)
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        port = listener.localAddress?.port ?? 0
    }

    /// Changes what the test may change, as the manager's word would.
    func set(_ body: @escaping @Sendable (Side) -> Void) async throws {
        try await loop.submit { [side, gates] in
            body(side.value)
            gates.value.routesChanged()
        }.get()
    }

    /// How often a workstation was dialled.
    func workstationDials() async throws -> Int {
        try await loop.submit { [side] in side.value.workstationDials }.get()
    }

    func close() async { try? await listener.close() }
}
