import Actor
import Call
import Glibc
import HTTP2
import Kernel
import Logging
import Message
import NIOCore
import NIOPosix
import Synchronization

/// The root daemon as a program: sockets, signals, janitor.
package enum RootDaemonProgram {
    /// What the daemon needs to know.
    package struct Settings: Sendable {
        /// The Unix socket of the calls.
        ///
        /// Descriptors are fetched at the same path with `.fds` behind it.
        package var socket: String

        /// The user, besides root, who may call.
        package var user: UInt32

        /// What `Version` answers.
        package var version: String

        /// The file that names the workstation's resolvers.
        package var resolverConfiguration = "/etc/resolv.conf"

        package init(socket: String, user: UInt32, version: String) {
            self.socket = socket
            self.user = user
            self.version = version
        }
    }

    /// Where descriptors are fetched.
    package static func descriptorSocket(_ socket: String) -> String { socket + ".fds" }

    /// The sub-command.
    package static let command = "rootd"

    /// Runs the sub-command with the options `--socket`, `--allow-uid`, `--log` and `--resolv-conf`.
    ///
    /// To be called on the main thread before the process has another. The result is the exit status.
    package static func main(_ words: [String]) -> Int32 {
        var settings = Settings(socket: "/run/telepresence/rootd.sock", user: 0, version: ProductVersion.text)
        if let text = getenv("SUDO_UID"), let user = UInt32(String(cString: text)) { settings.user = user }
        var rest = words[...]
        while let option = rest.popFirst() {
            let value = rest.popFirst()
            switch (option, value, value.flatMap { UInt32($0) }) {
            case ("--socket", let path?, _): settings.socket = path
            case ("--allow-uid", _, let user?): settings.user = user
            case ("--resolv-conf", let path?, _): settings.resolverConfiguration = path
            case ("--log", let path?, _):
                guard let log = try? Descriptor.open(path, flags: O_WRONLY | O_CREAT | O_APPEND) else {
                    say("rootd: cannot write to the log \(path)")
                    return 1
                }
                for number in [STDOUT_FILENO, STDERR_FILENO] { dup2(log.rawValue, number) }
            default:
                say("usage: \(command) [--socket PATH] [--allow-uid UID] [--log FILE] [--resolv-conf FILE]")
                return 2
            }
        }
        if let slash = settings.socket.lastIndex(of: "/") { mkdir(String(settings.socket[..<slash]), 0o755) }
        return run(settings)
    }

    /// Runs until SIGTERM, SIGINT or a `Quit` call; the result is the exit status.
    ///
    /// To be called on the main thread before the process has another: it blocks the signals for all of them.
    package static func run(_ settings: Settings) -> Int32 {
        var signals = sigset_t()
        sigemptyset(&signals)
        for number in [SIGTERM, SIGINT, SIGHUP] { sigaddset(&signals, number) }
        pthread_sigmask(SIG_BLOCK, &signals, nil)
        signal(SIGPIPE, SIG_IGN)
        do {
            let daemon = try start(settings)
            say("rootd \(settings.version) listens at \(settings.socket)")
            var number: CInt = 0
            sigwait(&signals, &number)
            waitFor { await daemon.shutDown() }
            unlink(settings.socket)
            unlink(descriptorSocket(settings.socket))
            return 0
        } catch {
            say("rootd: \(error)")
            return 1
        }
    }

    private static func start(_ settings: Settings) throws -> RootDaemon {
        let listener = try UnixSockets.listen(settings.socket)
        let descriptorListener = try UnixSockets.listen(descriptorSocket(settings.socket))
        for path in [settings.socket, descriptorSocket(settings.socket)] {
            guard chown(path, settings.user, gid_t.max) == 0 else { throw SystemError.last("chown", path) }
        }
        // After the sockets are ours: a second daemon must not clean up behind the first.
        LinuxRootNetwork.removeLeftovers()
        let janitor = try Janitor.start(executable: HostProgram.own())
        let network = LinuxRootNetwork(resolverConfiguration: settings.resolverConfiguration) { line in
            let bytes = Array((line + "\n").utf8)
            _ = write(janitor.rawValue, bytes, bytes.count)
        }
        let daemon = RootDaemon(network: network, version: settings.version, process: UInt32(getpid()))
        let shelf = DescriptorShelf()
        let allowed: Set<UInt32> = [0, settings.user]
        try DescriptorServer(listener: descriptorListener, shelf: shelf, allowed: allowed).start()
        let counter = LinkCounter()
        let status = StatusService(board: board(daemon), access: OwnersAccess(.rootDaemon))
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        _ = try ServerBootstrap(group: group)
            .childChannelInitializer { channel in
                accept(channel, daemon, shelf, settings, allowed, counter, status)
            }
            .withBoundSocket(listener.take())
            .wait()
        return daemon
    }

    private static func board(_ daemon: RootDaemon) -> StatusBoard {
        let board = StatusBoard(kind: "rootd", name: "")
        board.add { _, report in
            let status = await daemon.status
            report.component?.state = status.interface.isEmpty ? "idle" : "set up"
            guard !status.interface.isEmpty else { return }
            report.component?.facts["interface"] = status.interface
            report.component?.facts["routes"] = status.routes.joined(separator: ", ")
            report.component?.facts["dns_hook"] = status.dnsHook
            report.component?.facts["owner_pid"] = "\(status.ownerPID)"
        }
        return board
    }

    private final class LinkCounter: Sendable {
        private let value = Atomic<UInt64>(0)
        func next() -> UInt64 { value.wrappingAdd(1, ordering: .relaxed).newValue }
    }

    private static func accept(
        _ channel: any Channel,
        _ daemon: RootDaemon,
        _ shelf: DescriptorShelf,
        _ settings: Settings,
        _ allowed: Set<UInt32>,
        _ counter: LinkCounter,
        _ status: StatusService
    ) -> EventLoopFuture<Void> {
        CallSocket.admit(channel, allowed).map { caller in
            let owner = RootOwner(link: counter.next(), process: UInt32(bitPattern: caller.process))
            let handler = RootDaemonHandler(
                daemon: daemon,
                owner: owner,
                shelf: shelf,
                version: settings.version,
                status: status,
                onQuit: { asker in
                    // The answer goes out first.
                    asker.eventLoop.execute {
                        asker.drain(within: CallSocket.lastWord).whenComplete { _ in kill(getpid(), SIGTERM) }
                    }
                }
            )
            var configuration = LinkConfiguration()
            // The other end is on this machine: the kernel tells when it is gone.
            configuration.keepaliveIdle = nil
            configuration.onStart = { link in
                handler.router.serve(link)
                link.onClose = { _ in Task { await daemon.lost(owner) } }
            }
            _ = Link.start(on: channel, role: .server, configuration: configuration)
        }
    }

    /// Waits on this thread, which belongs to nobody else, for something asynchronous.
    private static func waitFor(_ body: @escaping @Sendable () async -> Void) {
        guard let pipe = try? Descriptor.pipe() else { return }
        Task {
            await body()
            pipe.writing.close()
        }
        _ = try? Sockets.wait(pipe.reading, CInt(POLLIN), 10_000)
    }

    private static func say(_ text: String) {
        LogStore.shared.append(.info, label: "rootd", text)
    }
}
