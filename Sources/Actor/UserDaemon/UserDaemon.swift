package import Logging
package import Message

/// The user daemon: one connection to one cluster, its attachments, and the workstation's network.
///
/// Concurrency model: the actor owns the machine and the tables; sessions and network are effects that run elsewhere.
/// State is never read before and written after the same `await`; what came in between is asked of the machine again.
package actor UserDaemon {
    private let gateway: any ClusterGateway
    private let network: any WorkstationNetwork
    private let version: String
    private let pid: UInt32
    private let logger: Logger

    private var machine = ConnectionMachine()
    private var session: (any ManagerSession)?
    private var attachments: [String: Attachment] = [:]
    /// Who wants to know when an attachment ends, by its id.
    private var watchers: [String: [AsyncStream<String>.Continuation]] = [:]
    private var endings = AttachmentEndings()
    private var lastError = ""
    /// Increases with every connection, so that what a former one reports late is not taken for the present one's.
    private var generation = 0
    /// Ends when the workstation's network is being set up no more.
    private var settingUp: Task<Void, Never>?
    /// Ends when a former connection has left nothing on the workstation.
    private var undoing: Task<Void, Never>?

    package init(
        gateway: any ClusterGateway,
        network: any WorkstationNetwork,
        version: String,
        pid: UInt32,
        logger: Logger
    ) {
        self.gateway = gateway
        self.network = network
        self.version = version
        self.pid = pid
        self.logger = logger
    }

    // MARK: - Connection

    /// Connects, or says that this very connection is there already.
    package func connect(
        _ request: ConnectRequest,
        progress: @escaping ProgressReport
    ) async throws(DaemonFailure) -> ConnectionInfo {
        switch machine.connect(request) {
        case .already(let info): return info
        case .refuse(let reason): throw DaemonFailure(.precondition, reason)
        case .open: break
        }
        generation += 1
        let mine = generation
        var opened: (any ManagerSession)?
        do throws(DaemonFailure) {
            if let undoing {
                progress("network", "Waiting until the former connection has ended")
                await undoing.value
            }
            guard mine == generation else { throw Self.endedEarly }
            let session = try await gateway.open(request, resuming: nil, attachments: [], progress: progress)
            opened = session
            // Another one may have begun long ago.
            guard mine == generation else { throw Self.endedEarly }
            let facts = try await setUp(request, session, progress)
            let info = Self.info(request, session.facts, facts)
            guard mine == generation, machine.opened(info) else { throw Self.endedEarly }
            self.session = session
            lastError = ""
            attachments = [:]
            endings = AttachmentEndings()
            follow(session, generation: mine)
            logger.info("connected", metadata: ["context": "\(info.context)", "session": "\(info.sessionID)"])
            return info
        } catch {
            // Whoever has ended it has undone it, too; what is there now is another's.
            if mine == generation {
                machine.failed()
                lastError = error.message
                await undo()
            }
            await opened?.close()
            throw error
        }
    }

    private static let endedEarly = DaemonFailure(.failed, "the connection was ended while it was being made")

    /// Sets the network up for the present generation.
    private func setUp(
        _ request: ConnectRequest,
        _ session: any ManagerSession,
        _ progress: @escaping ProgressReport
    ) async throws(DaemonFailure) -> NetworkFacts {
        let mine = generation
        let (ends, end) = AsyncStream.makeStream(of: Void.self)
        let ended = Task { for await _ in ends {} }
        settingUp = ended
        defer {
            end.finish()
            if settingUp == ended { settingUp = nil }
        }
        return try await network.setUp(request, session: session, progress: progress) { reason in
            Task { await self.networkLost(reason, generation: mine) }
        }
    }

    /// Undoes everything on the workstation, whatever becomes of the task that wants it; connections wait for that.
    private func undo() async {
        let (former, settingUp) = (undoing, settingUp)
        let task = Task { [network] in
            await former?.value
            await network.tearDown()
            guard let settingUp else { return }
            // What was being made meanwhile may have come after.
            await settingUp.value
            await network.tearDown()
        }
        undoing = task
        await task.value
        if undoing == task { undoing = nil }
    }

    /// Ends the connection and undoes everything on the workstation.
    ///
    /// False where there was none.
    @discardableResult
    package func quit() async -> Bool {
        guard machine.quit() else {
            // Another quit may be at it: whoever asked for the end finds everything gone.
            await undoing?.value
            return false
        }
        generation += 1
        let session = self.session
        self.session = nil
        lastError = ""
        dropAll("has ended with its connection")
        // The workstation first: whatever the cluster does, its network must be its own again.
        await undo()
        await session?.close()
        logger.info("disconnected")
        return true
    }

    /// Everything there is to know.
    package func status() async -> StatusInfo {
        session?.noteUse()
        let figures = await session?.figures() ?? LinkFigures()
        let root = await network.rootStatus()
        var status = await summary()
        status.rootDaemon = root
        status.roundTripMicroseconds = figures.roundTripMicroseconds
        status.bytesIn = figures.bytesIn
        status.bytesOut = figures.bytesOut
        return status
    }

    /// What there is to know here: all but the root daemon and what is measured.
    package func summary() async -> StatusInfo {
        let links = await session?.links() ?? []
        var status = StatusInfo()
        status.version = version
        status.pid = pid
        status.state = machine.name
        status.connection = machine.info
        let mounts = await network.mounts()
        status.attachments = attachments.values.sorted { $0.spec.name < $1.spec.name }
            .map { $0.mounted(mounts[$0.id]) }
        status.error = lastError
        status.links = links
        status.ways = await network.ways(status.attachments)
        return status
    }

    /// The session at present.
    package func presentSession() throws(DaemonFailure) -> any ManagerSession {
        try present().0
    }

    // MARK: - Workloads and attachments

    /// The workloads of a namespace; the connection's where none is named.
    package func list(namespace: String) async throws(DaemonFailure) -> [Workload] {
        let (session, info) = try present()
        var workloads = try await session.workloads(namespace: namespace.isEmpty ? info.namespace : namespace)
        let mounts = await network.mounts()
        for workload in workloads.indices {
            workloads[workload].attachments = workloads[workload].attachments.map { $0.mounted(mounts[$0.id]) }
        }
        return workloads
    }

    /// Has the agents of workloads removed.
    package func removeAgents(_ request: RemoveAgentsRequest) async throws(DaemonFailure) -> RemoveAgentsResult {
        let (session, info) = try present()
        var request = request
        if request.namespace.isEmpty { request.namespace = info.namespace }
        return try await session.removeAgents(request)
    }

    /// Makes an attachment and waits until it is active.
    package func intercept(
        _ spec: AttachmentSpec,
        mount wish: MountWish = MountWish(),
        toPod: [PortSpec] = [],
        progress: @escaping ProgressReport
    ) async throws(DaemonFailure) -> Attachment {
        let (session, info) = try present()
        var spec = spec
        if spec.namespace.isEmpty { spec.namespace = info.namespace }
        do throws(FilterProblem) { try spec.checkFilter() } catch { throw DaemonFailure(.invalid, error.message) }
        let taken = attachments.values.first {
            $0.spec.name == spec.name && $0.spec.namespace == spec.namespace
        }
        if let taken {
            throw DaemonFailure(
                .conflict,
                "an attachment called \(spec.name) is there already: \(taken.spec.workload) is \(taken.spec.kind.past); "
                    + "run `telepresence leave \(spec.name)` first, or choose another name with --workload"
            )
        }
        let mine = generation
        // A port that is in use is known before anything changes.
        let listeners = toPod.isEmpty ? nil : try await network.listen(toPod: toPod)
        // The local targets must be allowed before the first request can come.
        var pending = Attachment()
        pending.spec = spec
        await network.serve(Array(attachments.values) + [pending])
        do throws(DaemonFailure) {
            let attachment = try await attach(spec, by: session, mine, progress)
            try requireWaiting(for: attachment, mine)
            attachments[attachment.id] = attachment
            if let listeners { await network.lead(listeners, to: attachment.id) }
            await network.serve(Array(attachments.values))
            if wish.manner != .none, !wish.isBeside, !attachment.mounts.isEmpty {
                progress("mount", "mounting the volumes")
            }
            let state = await network.mount(attachment, wish)
            // Whoever has gone meanwhile will not end it.
            try requireWaiting(for: attachment, mine)
            if !state.notice.isEmpty { progress(ProgressUpdate.notice, state.notice) }
            return attachment.mounted(state)
        } catch {
            if let listeners { await network.lead(listeners, to: nil) }
            await network.serve(Array(attachments.values))
            throw error
        }
    }

    /// Has the manager make an attachment; one that it makes although its caller was told otherwise will be ended.
    private func attach(
        _ spec: AttachmentSpec,
        by session: any ManagerSession,
        _ mine: Int,
        _ progress: @escaping ProgressReport
    ) async throws(DaemonFailure) -> Attachment {
        if mine == generation { endings.asks(for: spec) }
        do throws(DaemonFailure) {
            let attachment = try await session.attach(spec, progress: progress)
            if mine == generation { endings.made(spec) }
            return attachment
        } catch {
            guard mine == generation else { throw error }
            endings.failed(spec, isCertain: error.code != .unavailable && !Task.isCancelled)
            if endings.isUnwanted(spec) {
                // It may have been announced already.
                for attachment in attachments.values where AttachmentEndings.areNamedAlike(attachment.spec, spec) {
                    abandonLater(attachment.id)
                }
            }
            throw error
        }
    }

    /// Ends an attachment for which nobody waits any more.
    private func requireWaiting(for attachment: Attachment, _ mine: Int) throws(DaemonFailure) {
        guard mine == generation else {
            throw DaemonFailure(.unavailable, "the connection was ended while \(attachment.spec.name) was being made")
        }
        guard Task.isCancelled else { return }
        // It came too late to be withdrawn on its way.
        abandonLater(attachment.id)
        throw DaemonFailure(.failed, "nobody waits for \(attachment.spec.name) any more")
    }

    /// Ends somebody else's attachment, for administrators.
    ///
    /// - Parameters:
    ///   - holder: whose it is: a session's id, or `user@host`.
    ///   - name: what it is called.
    ///   - namespace: where its workload is; empty means anywhere.
    /// - Throws: `forbidden` where this user may not, `notFound` where there is no such attachment.
    package func revoke(
        holder: String,
        name: String,
        namespace: String
    ) async throws(DaemonFailure) {
        let (session, _) = try present()
        try await session.revoke(holder: holder, name: name, namespace: namespace)
    }

    /// Ends the attachment called `name`.
    ///
    /// With a container the workload's name will do. Where several go by the name, the one in the connection's namespace is
    /// meant.
    package func leave(name: String, namespace: String, container: String = "") async throws(DaemonFailure) {
        let (_, info) = try present()
        var found = attachments.values.filter { attachment in
            let spec = attachment.spec
            guard namespace.isEmpty || spec.namespace == namespace else { return false }
            guard !container.isEmpty else { return spec.name == name }
            return attachment.container == container && (spec.name == name || spec.workload == name)
        }
        if found.count > 1, namespace.isEmpty, found.contains(where: { $0.spec.namespace == info.namespace }) {
            found.removeAll { $0.spec.namespace != info.namespace }
        }
        guard let attachment = found.first else {
            let names = attachments.values.map(\.spec.name).sorted().joined(separator: ", ")
            let there = names.isEmpty ? "there are none" : "there are: \(names)"
            let what = container.isEmpty ? name : "\(name) with the container \(container)"
            throw DaemonFailure(.notFound, "no attachment is called \(what); \(there)")
        }
        guard found.count == 1 else {
            let names = found.map { "\($0.spec.name) in \($0.spec.namespace)" }.sorted().joined(separator: ", ")
            throw DaemonFailure(.conflict, "several attachments go by \(name): \(names)")
        }
        drop(attachment.id, "was left from elsewhere")
        defer { logger.info("left", metadata: ["attachment": "\(attachment.id)"]) }
        do throws(DaemonFailure) {
            try await detach(attachment.id)
        } catch {
            await network.serve(Array(attachments.values))
            guard endings.contains(attachment.id) else { throw error }
            let name = attachment.spec.name
            throw DaemonFailure(error.code, "\(error.message); \(name) ends as soon as the link is restored")
        }
        await network.serve(Array(attachments.values))
    }

    /// Ends an attachment that nobody uses any more; while there is no link, as soon as there is one.
    package func abandon(_ id: String) async {
        drop(id, "was given up")
        logger.info("given up", metadata: ["attachment": "\(id)"])
        try? await detach(id)
        await network.serve(Array(attachments.values))
    }

    /// The same for a task that is cancelled, whose own calls would be, too.
    private func abandonLater(_ id: String) {
        endings.begin(id)
        Task { await self.abandon(id) }
    }

    /// Has the manager end an attachment that was dropped; a link that breaks meanwhile leaves that to the next one.
    private func detach(_ id: String) async throws(DaemonFailure) {
        let mine = generation
        endings.begin(id)
        do throws(DaemonFailure) {
            try await present().0.detach(id)
        } catch {
            if mine == generation, error.code != .unavailable || machine.info == nil { endings.ended(id) }
            throw error
        }
    }

    /// Returns when an attachment has ended, or the task is cancelled.
    ///
    /// - Parameter id: The attachment; one that is not there has ended already.
    /// - Returns: Why, as it follows on the attachment's name.
    package func end(of id: String) async -> String {
        guard attachments[id] != nil else { return "has ended" }
        let (reasons, feed) = AsyncStream.makeStream(of: String.self)
        watchers[id, default: []].append(feed)
        for await reason in reasons { return reason }
        return ""
    }

    /// Forgets an attachment, and tells who waits for its end; false where there is none.
    @discardableResult
    private func drop(_ id: String, _ reason: String) -> Bool {
        for watcher in watchers.removeValue(forKey: id) ?? [] { watcher.yield(reason) }
        return attachments.removeValue(forKey: id) != nil
    }

    private func dropAll(_ reason: String) {
        for id in attachments.keys { drop(id, reason) }
        endings = AttachmentEndings()
    }

    // MARK: - What comes by itself

    private func follow(_ session: any ManagerSession, generation mine: Int) {
        Task {
            for await event in session.events {
                await self.took(event, from: session, generation: mine)
            }
        }
    }

    private func took(_ event: SessionEvent, from source: any ManagerSession, generation mine: Int) async {
        guard mine == generation, source === session else { return }
        switch event {
        case .cluster(let cluster):
            machine.update { $0.take(cluster) }
            await network.update(cluster)
        case .attachment(let change):
            took(change)
            await network.serve(Array(attachments.values))
        case .moved(let link):
            machine.update { $0.link = link }
            logger.info("moved", metadata: ["link": "\(link)"])
            await network.use(source)
        case .lost(let reason):
            await lost(reason, generation: mine)
        }
    }

    /// The manager's word on an attachment.
    private func took(_ change: AttachmentChange) {
        let attachment = change.attachment
        guard change.removed else {
            guard !endings.contains(attachment.id) else { return }
            if attachments[attachment.id] == nil, endings.isUnwanted(attachment.spec) {
                return abandonLater(attachment.id)
            }
            attachments[attachment.id] = attachment
            return
        }
        endings.ended(attachment.id)
        let why = attachment.message.isEmpty ? "" : ": \(attachment.message)"
        guard drop(attachment.id, "has ended\(why)") else { return }
        // What the user did not end himself is told to him.
        lastError = "the attachment \(attachment.spec.name) has ended: \(attachment.message)"
        logger.warning(
            "attachment ended",
            metadata: ["id": "\(attachment.id)", "reason": "\(attachment.message)"]
        )
    }

    /// What is held, as a manager that has forgotten it needs to know it.
    private func held() -> [Attachment] {
        attachments.values.map { attachment in
            var attachment = attachment
            attachment.environment = [:]
            return attachment
        }
    }

    private func lost(_ reason: String, generation mine: Int) async {
        guard let request = machine.lost() else { return }
        lastError = reason
        logger.warning("link lost", metadata: ["reason": "\(reason)"])
        let facts = session?.facts
        session = nil
        await network.use(nil)
        Task { await self.reconnect(request, facts, generation: mine) }
    }

    private func reconnect(_ request: ConnectRequest, _ facts: SessionFacts?, generation mine: Int) async {
        while mine == generation {
            do throws(DaemonFailure) {
                let session = try await gateway.open(request, resuming: facts, attachments: held()) { _, _ in }
                guard mine == generation, machine.resumed({ $0.take(session.facts) }) else {
                    await session.close()
                    return
                }
                self.session = session
                lastError = ""
                follow(session, generation: mine)
                await network.use(session)
                guard mine == generation else { return }
                await network.update(session.facts.cluster)
                logger.info("link restored", metadata: ["session": "\(session.facts.sessionID)"])
                for id in endings.ids { await abandon(id) }
                return
            } catch {
                lastError = error.message
                guard mine == generation, let wait = machine.attemptFailed(.random(in: 0..<1)) else { return }
                logger.debug("reconnect failed", metadata: ["reason": "\(error.message)"])
                try? await Task.sleep(for: wait)
            }
        }
    }

    private func networkLost(_ reason: String, generation mine: Int) async {
        guard mine == generation, machine.quit() else { return }
        generation += 1
        lastError = reason
        logger.error("workstation network lost", metadata: ["reason": "\(reason)"])
        let session = self.session
        self.session = nil
        dropAll("has ended with its connection: \(reason)")
        await undo()
        await session?.close()
    }

    private func present() throws(DaemonFailure) -> (any ManagerSession, ConnectionInfo) {
        guard let info = machine.info else {
            throw DaemonFailure(.precondition, "not connected; run `telepresence connect` first")
        }
        guard let session else {
            throw DaemonFailure(.unavailable, "the link to the cluster is being restored: \(lastError)")
        }
        session.noteUse()
        return (session, info)
    }

    private static func info(
        _ request: ConnectRequest,
        _ facts: SessionFacts,
        _ network: NetworkFacts
    ) -> ConnectionInfo {
        var info = ConnectionInfo()
        info.name = request.name
        info.isolated = request.isolated
        info.holderPID = network.holderPID
        info.interface = network.interface
        info.dnsHook = network.dnsHook
        info.warnings = network.warnings
        info.take(facts)
        return info
    }
}

extension Attachment {
    /// With what is known of its volumes here; what the manager says of another's is nobody's business.
    fileprivate func mounted(_ state: MountState?) -> Attachment {
        var attachment = self
        attachment.mountPoint = state?.point ?? ""
        attachment.mountError = state?.error ?? ""
        return attachment
    }
}

extension ConnectionInfo {
    fileprivate mutating func take(_ facts: SessionFacts) {
        context = facts.context
        server = facts.server
        namespace = facts.namespace
        managerNamespace = facts.managerNamespace
        managerVersion = facts.managerVersion
        sessionID = facts.sessionID
        link = facts.link
        take(facts.cluster)
    }

    fileprivate mutating func take(_ cluster: ClusterInfo) {
        serviceSubnets = cluster.serviceSubnets
        podSubnets = cluster.podSubnets
        dnsAddress = cluster.dnsAddress
        clusterDomain = cluster.clusterDomain
        // What was told of the cluster before may have been mended.
        let prefix = "in the cluster: "
        warnings = warnings.filter { !$0.hasPrefix(prefix) } + cluster.warnings.map { prefix + $0 }
    }
}
