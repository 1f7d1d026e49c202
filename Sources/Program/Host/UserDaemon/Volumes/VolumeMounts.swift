import Actor
import Glibc
import Kernel
import Logging
import Message
import NIOCore
import Synchronization
import Tunnel

/// The volumes of the attachments, as directories of the workstation.
///
/// Concurrency model: the actor owns the table of mounts; the socket and its callers are confined to the event loop; each guard
/// has a thread that waits for its words.
actor VolumeMounts {
    /// How long a mount may take before the attachment goes on without it; it is still tried then.
    private static let patience = Duration.seconds(10)
    /// How long a caller waits for the agent's tunnel: file operations wait no longer.
    private static let tunnelPatience = Duration.seconds(8)

    private struct Mount {
        let wish: MountWish
        let point: String
        let made: Bool
        var state = MountState()
        /// Its end takes the mount away.
        var lifeline: Descriptor?
        var task: Task<Void, Never>?
        var waiters: [CheckedContinuation<Void, Never>] = []
    }

    private let socket: String
    private let eventLoop: any EventLoop
    private let targets: NIOLoopBound<LocalTargets>
    private let executable: String
    private let logger: Logger
    private var session: RemoteManagerSession?
    private var mounts: [String: Mount] = [:]
    private var server: (any Channel)?

    /// Mounts volumes by way of a socket at this path.
    init(
        socket: String,
        eventLoop: any EventLoop,
        targets: NIOLoopBound<LocalTargets>,
        executable: String,
        logger: Logger
    ) {
        self.socket = socket
        self.eventLoop = eventLoop
        self.targets = targets
        self.executable = executable
        self.logger = logger
    }

    /// Asks this session's manager from now on.
    func use(_ session: RemoteManagerSession?) {
        self.session = session
    }

    /// What is mounted, by attachment.
    var states: [String: MountState] { mounts.mapValues(\.state) }

    /// Mounts an attachment's volumes; returns once they are there, or it is clear that they are not, or after a while.
    func mount(_ attachment: Attachment, _ wish: MountWish) async -> MountState {
        guard wish.manner != .none, !attachment.mounts.isEmpty else { return MountState() }
        guard attachment.mountError.isEmpty else { return MountState(error: attachment.mountError) }
        if let problem = Self.problem(wish) { return MountState(error: problem) }
        let point: String
        let made: Bool
        do {
            try await listen()
            (point, made) = try Self.directory(wish, attachment, beside: socket)
        } catch {
            return MountState(error: "\(error)")
        }
        let id = attachment.id
        guard mounts[id] == nil else { return mounts[id]?.state ?? MountState() }
        mounts[id] = Mount(wish: wish, point: point, made: made)
        mounts[id]?.task = Task { await self.keep(id, point, wish) }
        let alarm = Task {
            try? await Task.sleep(for: Self.patience)
            self.wake(id)
        }
        defer { alarm.cancel() }
        await withCheckedContinuation { mounts[id]?.waiters.append($0) }
        guard var state = mounts[id]?.state else { return MountState(error: "the attachment has ended") }
        if state.point.isEmpty, state.error.isEmpty { state.error = "the volumes are not there yet" }
        return state
    }

    /// Takes away what belongs to no attachment of these any more.
    func keep(only ids: Set<String>) async {
        let gone = mounts.keys.filter { !ids.contains($0) }
        for id in gone { await end(id) }
    }

    /// Takes everything away.
    func close() async {
        await keep(only: [])
        session = nil
        try? await server?.close()
        if server != nil { unlink(socket) }
        server = nil
    }

    private func end(_ id: String) async {
        guard let mount = mounts.removeValue(forKey: id) else { return }
        mount.lifeline?.close()
        mount.task?.cancel()
        mount.waiters.forEach { $0.resume() }
        await mount.task?.value
        if mount.made { rmdir(mount.point) }
    }

    private func wake(_ id: String) {
        let waiters = mounts[id]?.waiters ?? []
        mounts[id]?.waiters = []
        waiters.forEach { $0.resume() }
    }

    // MARK: guards

    /// Has the volumes mounted, again and again, for as long as the attachment wants them.
    private func keep(_ id: String, _ point: String, _ wish: MountWish) async {
        var backoff = Backoff()
        while !Task.isCancelled, mounts[id] != nil {
            do {
                let (lines, lifeline) = try startGuard(id, point, wish)
                mounts[id]?.lifeline = lifeline
                for await line in lines {
                    if line == "ready" {
                        backoff.reset()
                        mounts[id]?.state = MountState(point: point)
                        logger.info("volumes mounted", metadata: ["attachment": "\(id)", "at": "\(point)"])
                    } else {
                        mounts[id]?.state = MountState(error: "sshfs: \(line)")
                        logger.warning("volumes lost", metadata: ["attachment": "\(id)", "reason": "\(line)"])
                    }
                    wake(id)
                }
            } catch {
                mounts[id]?.state = MountState(error: "\(error)")
                wake(id)
            }
            // A guard that was killed has left its mount behind.
            MountTable.unmount(point)
            guard !Task.isCancelled, mounts[id] != nil else { return }
            try? await Task.sleep(for: backoff.next(Double.random(in: 0..<1)))
        }
    }

    private func startGuard(
        _ id: String,
        _ point: String,
        _ wish: MountWish
    ) throws -> (AsyncStream<String>, Descriptor) {
        guard let sshfs = HostProgram.find("sshfs") else { throw SystemError("sshfs", code: ENOENT) }
        let (order, lifeline) = try Descriptor.pipe()
        let (answers, answer) = try Descriptor.pipe()
        let words = [
            VolumeGuard.command, point, Self.source(socket), id, socket, wish.readOnly ? "ro" : "rw", sshfs,
        ]
        let process = try HostProgram.spawn(executable, words, standardInput: order, standardOutput: answer)
        order.close()
        answer.close()
        let (lines, emit) = AsyncStream.makeStream(of: String.self)
        let thread = try DedicatedThread.start {
            var text: [UInt8] = []
            var buffer = [UInt8](repeating: 0, count: 4096)
            while true {
                let count = read(answers.rawValue, &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { break }
                text += buffer[..<count]
                while let end = text.firstIndex(of: 0x0a) {
                    emit.yield(String(decoding: text[..<end], as: UTF8.self))
                    text.removeSubrange(...end)
                }
            }
            while waitpid(process, nil, 0) < 0, errno == EINTR {}
            emit.finish()
        }
        pthread_detach(thread)
        return (lines, lifeline)
    }

    // MARK: tunnels

    private func listen() async throws {
        guard server == nil else { return }
        server = try await VolumeDoor.listen(path: socket, eventLoop: eventLoop, logger: logger) { mount, caller in
            Task { await self.open(mount, for: caller) }
        }
    }

    /// Has the agent open a tunnel for a caller; one that is between two links or two pods is waited for, a while.
    private func open(_ id: String, for caller: NIOLoopBound<any Channel>) async {
        guard let mount = mounts[id] else { return shut(caller) }
        let deadline = ContinuousClock.now + Self.tunnelPatience
        var reason = "the link to the cluster is being restored"
        while ContinuousClock.now < deadline, mounts[id] != nil {
            if let session {
                let ticket = Self.ticket()
                let targets = targets
                let request = VolumeRequest(attachmentID: id, ticket: ticket, readOnly: mount.wish.readOnly)
                eventLoop.execute {
                    let left = TimeAmount(deadline - ContinuousClock.now)
                    targets.value.expect(ticket, for: caller.value, within: left) { [logger = self.logger] in
                        logger.warning("no tunnel with volumes has come", metadata: ["attachment": "\(id)"])
                    }
                }
                do throws(DaemonFailure) {
                    return try await session.openVolume(request)
                } catch {
                    reason = error.message
                    eventLoop.execute { targets.value.leave(ticket) }
                }
            }
            try? await Task.sleep(for: .milliseconds(300))
        }
        logger.warning("no volumes", metadata: ["attachment": "\(id)", "reason": "\(reason)"])
        shut(caller)
    }

    private func shut(_ caller: NIOLoopBound<any Channel>) {
        eventLoop.execute { caller.value.close(promise: nil) }
    }

    /// 128 bits that nobody guesses.
    static func ticket() -> String {
        var generator = SystemRandomNumberGenerator()
        return (0..<4).map { _ in String(UInt32.random(in: .min ... .max, using: &generator), radix: 36) }.joined(
            separator: "x"
        ) + "0000000000000000"
    }

    // MARK: places

    /// What such a mount is called in the table of mounts.
    static func source(_ socket: String) -> String { "telepresence:\(socket)" }

    /// Why this workstation cannot mount; nil when it can.
    private static func problem(_ wish: MountWish) -> String? {
        guard wish.manner == .fuse else { return "--mount=sync is not there yet" }
        let remedy = "or leave --mount out"
        guard HostProgram.find("sshfs") != nil else {
            return "sshfs is not installed; install it (apt-get install sshfs), \(remedy)"
        }
        guard access("/dev/fuse", F_OK) == 0 else {
            return "this machine has no /dev/fuse; load the module (modprobe fuse), \(remedy)"
        }
        guard access("/dev/fuse", R_OK | W_OK) == 0 else {
            return "this user may not open /dev/fuse; allow it (chmod 666 /dev/fuse), \(remedy)"
        }
        return nil
    }

    /// The directory for the volumes, which is made where it is missing.
    private static func directory(
        _ wish: MountWish,
        _ attachment: Attachment,
        beside socket: String
    ) throws -> (String, made: Bool) {
        struct Refusal: Error, CustomStringConvertible {
            let description: String
        }
        var point = wish.point
        var parents: [String] = []
        if point.isEmpty {
            let name = attachment.spec.name.map {
                $0.isASCII && ($0.isLetter || $0.isNumber || "-.".contains($0)) ? $0 : "_"
            }
            let root = wish.root.isEmpty ? "\(socket).d" : wish.root
            parents = [root]
            point = "\(root)/\(String(name))-\(attachment.id.prefix(6))"
        }
        // A former user daemon may have left one.
        if MountTable.contains(point) {
            guard MountTable.entries.last(where: { $0.point == point })?.source.hasPrefix("telepresence:") == true,
                MountTable.unmount(point)
            else { throw Refusal(description: "something else is mounted at \(point)") }
        }
        for parent in parents { mkdir(parent, 0o700) }
        let made = mkdir(point, 0o700) == 0
        guard made || errno == EEXIST else {
            throw Refusal(description: "\(point) cannot be made: \(String(cString: strerror(errno)))")
        }
        var facts = stat()
        guard lstat(point, &facts) == 0, facts.st_mode & S_IFMT == S_IFDIR else {
            throw Refusal(description: "\(point) is no directory")
        }
        return (point, made)
    }

    /// Takes away what a former user daemon has left, whose socket nobody serves any more; to be called before the socket is made.
    static func tidy(socket: String) {
        for entry in MountTable.entries where entry.source.hasPrefix("telepresence:/") {
            let path = String(entry.source.dropFirst("telepresence:".count))
            guard path == socket || (try? UnixSockets.connect(path)) == nil else { continue }
            MountTable.unmount(entry.point)
            rmdir(entry.point)
        }
    }
}
