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
        var wish: MountWish
        let point: String
        var made: Bool
        /// Copies take its place where the kernel refuses it.
        let isAutomatic: Bool
        /// What the user should know of the manner.
        var notice: String
        /// The container's paths.
        var paths: [String]
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
    /// What is being taken away, by attachment.
    private var endings: [String: Task<Void, Never>] = [:]
    /// Listens for the guards' callers, from the first mount on.
    private var door: Task<any Channel, any Error>?

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
    ///
    /// - Parameters:
    ///   - attachment: whose.
    ///   - wish: how, and where.
    ///   - isIsolated: they are for programs in a mount namespace of their own.
    /// - Returns: Where they are, or why they are not.
    func mount(_ attachment: Attachment, _ wish: MountWish, isIsolated: Bool) async -> MountState {
        guard wish.manner != .none, !attachment.mounts.isEmpty else { return MountState() }
        guard attachment.mountError.isEmpty else { return MountState(error: attachment.mountError) }
        let place = wish.point.isEmpty ? Self.root(wish, beside: socket) : wish.point
        let choice = MountChoice(
            wish.manner,
            problem: Self.problem(),
            isHidden: isIsolated && !MountTable.isShared(place)
        )
        if let refusal = choice.refusal { return MountState(error: refusal) }
        var wish = wish
        let isAutomatic = wish.manner == .auto
        wish.manner = choice.manner
        let point: String
        let made: Bool
        do {
            try await listen()
            (point, made) = try Self.directory(wish, attachment, beside: socket)
        } catch {
            return MountState(error: "\(error)")
        }
        let id = attachment.id
        if let mount = mounts[id] { return mount.state }
        mounts[id] = Mount(
            wish: wish,
            point: point,
            made: made,
            isAutomatic: isAutomatic,
            notice: choice.notice,
            paths: attachment.mounts
        )
        let chosen = wish
        mounts[id]?.task = Task { await self.keep(id, point, chosen) }
        if wish.isBeside { return MountState(point: point, notice: choice.notice) }
        let alarm = Task {
            try? await Task.sleep(for: Self.patience)
            self.wake(id)
        }
        defer { alarm.cancel() }
        await withTaskCancellationHandler {
            await withCheckedContinuation { mounts[id]?.waiters.append($0) }
        } onCancel: {
            Task { await self.wake(id) }
        }
        guard let mount = mounts[id] else { return MountState(error: "the attachment has ended") }
        var state = mount.state
        if state.point.isEmpty, state.error.isEmpty { state.error = "the volumes are not there yet" }
        state.notice = mount.notice
        return state
    }

    /// Takes away what belongs to no attachment of these any more; returns once nothing of it is there.
    func keep(only attachments: [Attachment]) async {
        let present = Dictionary(attachments.map { ($0.id, $0) }, uniquingKeysWith: { first, _ in first })
        for (id, mount) in mounts {
            guard let attachment = present[id] else {
                end(id)
                continue
            }
            guard mount.wish.manner == .sync, !attachment.mounts.isEmpty, attachment.mounts != mount.paths else {
                continue
            }
            // The workload has other volumes now: its copier begins anew.
            mounts[id]?.paths = attachment.mounts
            mounts[id]?.lifeline?.close()
        }
        // Another caller may have begun with it.
        for ending in endings.values { await ending.value }
    }

    /// Takes everything away.
    func close() async {
        await keep(only: [])
        session = nil
        guard let door else { return }
        self.door = nil
        guard let server = try? await door.value else { return }
        try? await server.close()
        unlink(socket)
    }

    private func end(_ id: String) {
        guard let mount = mounts.removeValue(forKey: id) else { return }
        if let lifeline = mount.lifeline {
            // The task ends with the guard, whose last work is to take everything away.
            lifeline.close()
        } else {
            mount.task?.cancel()
        }
        mount.waiters.forEach { $0.resume() }
        endings[id] = Task {
            await self.finish(mount)
            self.endings[id] = nil
        }
    }

    private func finish(_ mount: Mount) async {
        let alarm = Task {
            try await Task.sleep(for: Self.patience)
            mount.task?.cancel()
        }
        await mount.task?.value
        alarm.cancel()
        if mount.wish.manner == .sync { SyncPlace.tidy(mount.point) }
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
        var wish = wish
        var backoff = Backoff()
        while !Task.isCancelled, mounts[id] != nil {
            do {
                let (lines, lifeline) = try startGuard(id, point, wish)
                mounts[id]?.lifeline = lifeline
                var isRefused = false
                for await line in lines {
                    take(line, of: id)
                    if line.hasPrefix("ready") { backoff.reset() }
                    isRefused = wish.manner == .fuse && mounts[id]?.isAutomatic == true && MountChoice.isRefusal(line)
                    if isRefused { copy(instead: line, id) } else { wake(id) }
                }
                if isRefused {
                    wish.manner = .sync
                    continue
                }
            } catch {
                mounts[id]?.state = MountState(error: "\(error)")
                wake(id)
            }
            mounts[id]?.lifeline = nil
            // A guard that was killed has left its mount behind.
            MountTable.unmount(point)
            guard !Task.isCancelled, mounts[id] != nil else { return }
            try? await Task.sleep(for: backoff.next(Double.random(in: 0..<1)))
        }
    }

    /// From now on the volumes are copied, since the kernel does not let them be mounted.
    private func copy(instead cause: String, _ id: String) {
        guard let mount = mounts[id] else { return }
        // The copier makes the directory.
        if mount.made { rmdir(mount.point) }
        mounts[id]?.made = false
        mounts[id]?.lifeline = nil
        mounts[id]?.wish.manner = .sync
        mounts[id]?.state = MountState()
        mounts[id]?.notice = MountChoice.notice("sshfs cannot mount (\(cause))")
    }

    /// What a guard says of its mount, or a copier of its copies: `ready`, perhaps with a complaint, or why it is not.
    private func take(_ line: String, of id: String) {
        guard let mount = mounts[id] else { return }
        let about: Logger.Metadata = ["attachment": "\(id)", "at": "\(mount.point)", "manner": "\(mount.wish.manner)"]
        if line.hasPrefix("ready") {
            let complaint = String(line.dropFirst("ready ".count))
            mounts[id]?.state = MountState(point: mount.point, error: complaint)
            logger.info("volumes mounted", metadata: about.merging(["complaint": "\(complaint)"]) { $1 })
        } else {
            mounts[id]?.state = MountState(error: mount.wish.manner == .fuse ? "sshfs: \(line)" : line)
            logger.warning("volumes lost", metadata: about.merging(["reason": "\(line)"]) { $1 })
        }
    }

    private func words(_ id: String, _ point: String, _ wish: MountWish) throws -> [String] {
        if wish.manner == .sync {
            return [VolumeSync.command, point, socket, id] + (mounts[id]?.paths ?? [])
        }
        guard let sshfs = HostProgram.find("sshfs") else { throw SystemError("sshfs", code: ENOENT) }
        return [VolumeGuard.command, point, Self.source(socket), id, socket, wish.readOnly ? "ro" : "rw", sshfs]
    }

    private func startGuard(
        _ id: String,
        _ point: String,
        _ wish: MountWish
    ) throws -> (AsyncStream<String>, Descriptor) {
        let words = try words(id, point, wish)
        let (order, lifeline) = try Descriptor.pipe()
        let (answers, answer) = try Descriptor.pipe()
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
        // One for all: two first mounts may come at once.
        let opening =
            door
            ?? Task { [socket, eventLoop, logger] in
                try await VolumeDoor.listen(path: socket, eventLoop: eventLoop, logger: logger) { mount, caller in
                    Task { await self.open(mount, for: caller) }
                }
            }
        door = opening
        do {
            _ = try await opening.value
        } catch {
            // The next one tries again.
            if door == opening { door = nil }
            throw error
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
                let request = VolumeRequest(
                    attachmentID: id,
                    ticket: ticket,
                    readOnly: mount.wish.readOnly || mount.wish.manner == .sync
                )
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
    private static func problem() -> String? {
        let remedy = "or have the volumes copied with --mount=sync"
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
            let root = root(wish, beside: socket)
            parents = [root]
            point = "\(root)/\(SyncPlace.prefix)\(String(name))-\(attachment.id.prefix(6))"
        }
        // A former user daemon may have left one.
        if MountTable.contains(point) {
            guard MountTable.entries.last(where: { $0.point == point })?.source.hasPrefix("telepresence:") == true,
                MountTable.unmount(point)
            else { throw Refusal(description: "something else is mounted at \(point)") }
        }
        for parent in parents { mkdir(parent, 0o700) }
        if wish.manner == .sync {
            // The copier makes it. In this place former ones may have been left behind.
            for parent in parents { SyncPlace.tidy(in: parent) }
            return (point, false)
        }
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
        SyncPlace.tidy(in: directory(beside: socket))
    }

    /// The directory in which one for volumes is made.
    private static func root(_ wish: MountWish, beside socket: String) -> String {
        wish.root.isEmpty ? directory(beside: socket) : wish.root
    }

    /// Where mounts and copies are made unless somebody wants them elsewhere.
    private static func directory(beside socket: String) -> String { "\(socket).d" }
}
