import Actor
import Glibc
import Host
import Logging
import NIOPosix
import TLS

/// The real manager's server and registry, with a cluster in memory in place of Kubernetes.
enum BenchManager {
    static func run(_ place: Place) async throws {
        LoggingSystem.bootstrap { StoredLogHandler(label: $0, store: .shared) }
        let logger = Logger(label: "manager")
        let manager = TrafficManager(
            cluster: EvenCluster(),
            judge: BenchJudge(),
            version: "bench",
            timeouts: ManagerTimeouts(agentArrival: .seconds(120), confirmation: .seconds(60)),
            logger: logger
        )
        let server = try await ManagerServer.make(
            manager: manager,
            judge: BenchJudge(),
            credentials: try ManagerCredentials(
                authority: ManagerAuthority(authority: place.authority),
                // The real agent's way to it is its name too.
                names: [Place.serverName, "localhost"],
                now: Int64(time(nil))
            ),
            eventLoop: MultiThreadedEventLoopGroup.singleton.next(),
            logger: logger
        )
        _ = try await server.listen(host: "127.0.0.1", port: place.port)
        Main.say("ready")
        while true {
            await manager.expire()
            try await Task.sleep(for: .seconds(5))
        }
    }
}
