import Actor
import Call
import Glibc
import HTTP2
import Kernel
import Logging
import Message
import NIOCore
import NIOPosix

/// `telepresence userd`: the user daemon's process.
package enum UserDaemonProgram {
    /// Runs until it is told to stop, by a caller or a signal.
    ///
    /// Returns the exit status. The arguments are `--socket PATH [--log PATH]`; `accessSource` finds the clusters.
    package static func main(_ arguments: [String], accessSource: any ClusterAccessSource) async -> Int32 {
        var options: [String: String] = [:]
        for pair in stride(from: 0, to: arguments.count - 1, by: 2) { options[arguments[pair]] = arguments[pair + 1] }
        guard let socket = options["--socket"] else {
            let message = Array("userd: --socket PATH is missing\n".utf8)
            _ = message.withUnsafeBytes { write(STDERR_FILENO, $0.baseAddress, $0.count) }
            return 64
        }
        let logs = LogStore.shared
        LoggingSystem.bootstrap { StoredLogHandler(label: $0, store: logs) }
        logs.setLastingLevel(
            ProgramEnvironment.current["TELEPRESENCE_LOG_LEVEL"]
                .flatMap(Logger.Level.init(rawValue:)) ?? .info
        )
        let logger = Logger(label: "userd")
        do {
            try await run(socket: socket, accessSource: accessSource, logger: logger)
            return 0
        } catch {
            logger.error("the user daemon cannot serve", metadata: ["reason": "\(error)"])
            return 1
        }
    }

    private static func run(
        socket: String,
        accessSource: any ClusterAccessSource,
        logger: Logger
    ) async throws {
        DescriptorLimit.prepare()
        // One loop carries the interface, the links and the tunnels; the command line's calls share it.
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let volumeSocket = socket + ".volumes"
        let network = try await WorkstationRuntime(
            eventLoop: eventLoop,
            volumeSocket: volumeSocket,
            logger: logger
        ) { request in
            if request.isolated { return IsolatedDevice(logger: logger) }
            return HostDevice(eventLoop: eventLoop, logger: logger)
        }
        let gateway = ManagerGateway(
            eventLoop: eventLoop,
            targets: network.targets,
            accessSource: accessSource,
            logger: logger
        )
        let daemon = UserDaemon(
            gateway: gateway,
            network: network,
            version: ProductVersion.text,
            pid: UInt32(getpid()),
            logger: logger
        )
        let (stops, stop) = AsyncStream.makeStream(of: Link.self)
        var router = CallRouter()
        UserDaemonHandler(daemon: daemon) { stop.yield($0) }.register(on: &router)
        let access = UserDaemonStatus(daemon: daemon, network: network)
        let status = StatusService(board: access.board(ManagerGateway.owner()), access: access)
        status.register(on: &router)
        gateway.answer(status)
        let manifests = PodManifests(gateway: gateway, eventLoop: eventLoop)
        router.serverStream(UserDaemonCalls.manifests) { request, writer, _ in
            try await manifests.answer(request, writer)
        }
        let server = try await CallSocket.listen(path: socket, router: router, eventLoop: eventLoop, logger: logger)
        // Not before: where another one serves the socket, the mounts are its own.
        VolumeMounts.tidy(socket: volumeSocket)
        logger.info("listening", metadata: ["socket": "\(socket)", "pid": "\(getpid())"])
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await Signals(SIGTERM, SIGINT).first() }
            group.addTask {
                for await asker in stops {
                    // The answer goes out first.
                    try? await eventLoop.flatSubmit { asker.drain(within: CallSocket.lastWord) }.get()
                    break
                }
            }
            await group.next()
            group.cancelAll()
        }
        try? await server.close()
        unlink(socket)
        await daemon.quit()
        logger.info("ended")
    }
}
