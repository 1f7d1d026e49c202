package import Message

/// All attachments and what the agents say of them.
///
/// Pure: inputs return whom to tell what. An input costs what it concerns: the attachments and agents of one workload, or
/// those of one holder; how many others there are makes no difference.
///
///     add ──► waiting ──an agent confirms──► active ──last agent lost──► noAgent ──agent joins──► waiting
///                │ ▲                            │
///                │ └──holder is back── (away) ◄─┴──holder's link lost
///                └──all agents refuse──► error
package struct AttachmentMachine: Sendable {
    /// A message for one session.
    package struct Notice: Sendable, Equatable {
        package let session: String
        package let change: AttachmentChange

        package init(_ session: String, _ change: AttachmentChange) {
            self.session = session
            self.change = change
        }
    }

    /// What has changed since it was last asked.
    package struct Changes: Sendable, Equatable {
        /// Attachments that are new, different or gone.
        package var attachments: Set<String> = []
        /// Workloads that have neither agents nor attachments any more, or have some where they had none.
        package var workloads: Set<WorkloadKey> = []

        package init(attachments: Set<String> = [], workloads: Set<WorkloadKey> = []) {
            self.attachments = attachments
            self.workloads = workloads
        }
    }

    /// What an agent has said of an attachment.
    private enum Answer: Sendable, Equatable {
        case pending
        case active
        case refused(String)
    }

    private struct Entry: Sendable {
        var attachment: Attachment
        let workload: WorkloadKey
        let claim: TrafficClaim
        /// Agents are told of it: its making has come that far.
        var engaged = false
        /// The holder's link is lost: agents send traffic to the app.
        var away = false
        /// A replacement that is being ended: new pods get their container back.
        var leaving = false
        /// The holder is told of changes: the request for it has been answered.
        var announced = false
        var answers: [String: Answer] = [:]
        /// What each agent has counted, those that are gone included.
        var tallies: [String: (copied: UInt64, dropped: UInt64)] = [:]

        /// Whether any agent serves it.
        var isServed: Bool { answers.values.contains(.active) }

        /// The agents that serve it, by session.
        var serving: [String] { answers.filter { $0.value == .active }.keys.sorted() }
    }

    /// What there is of one workload.
    private struct Place: Sendable {
        var attachments: Set<String> = []
        var agents: [String: AgentHello] = [:]
        /// Agents whose pods are being deleted: they serve as long as they are there, and nobody waits for them.
        var leaving: Set<String> = []
    }

    /// A direct link is a port-forward: of a workload with more pods some go through the manager.
    static let maximumPlaces = 32

    private var entries: [String: Entry] = [:]
    private var places: [WorkloadKey: Place] = [:]
    private var holders: [String: Set<String>] = [:]
    /// The workload of each agent.
    private var agents: [String: WorkloadKey] = [:]
    /// The highest number that an attachment has had.
    private var lastOrder: UInt64 = 0
    private var changes = Changes()
    private var changedAgents: Set<WorkloadKey> = []
    /// Workloads of which a container is replaced no longer.
    private var freed: Set<WorkloadKey> = []
    /// Variables that no workstation gets.
    private let excluded: Set<String>

    /// - Parameter excluded: names of variables that no workstation gets, by the administrator's wish.
    package init(excludedVariables excluded: Set<String> = []) {
        self.excluded = excluded
    }

    // MARK: questions

    package var attachments: [Attachment] { entries.values.map(\.attachment) }

    /// How many attachments there are.
    package var count: Int { entries.count }

    package subscript(id: String) -> Attachment? { entries[id]?.attachment }

    /// The attachments that a session holds, by id.
    package func held(by session: String) -> [Attachment] {
        ids(of: session).compactMap { entries[$0]?.attachment }
    }

    /// The attachments that a session holds and has been told of, by id.
    package func announced(to session: String) -> [Attachment] {
        ids(of: session).compactMap { id in
            guard let entry = entries[id], entry.announced else { return nil }
            return entry.attachment
        }
    }

    /// The attachments of a workload, by id.
    package func attachments(of workload: WorkloadKey) -> [Attachment] {
        (places[workload]?.attachments ?? []).sorted().compactMap { entries[$0]?.attachment }
    }

    /// The workload of an attachment.
    package func workload(of id: String) -> WorkloadKey? { entries[id]?.workload }

    /// The names of the pods whose agents are there, and stay.
    package func pods(of workload: WorkloadKey) -> Set<String> {
        Set(stayingAgents(of: workload).map(\.podName))
    }

    /// The names of the pods whose agents are there, and stay, but do not stand in front of all these ports.
    ///
    /// They were made before a service led to the ports: what an agent stands in front of is settled when its pod is made.
    package func pods(of workload: WorkloadKey, without ports: Set<AgentRoutes.Port>) -> Set<String> {
        guard !ports.isEmpty else { return [] }
        let lacking = stayingAgents(of: workload).filter { agent in
            !ports.isSubset(of: agent.ports.map(AgentRoutes.Port.init))
        }
        return Set(lacking.map(\.podName))
    }

    /// The agents of pods that are not being deleted.
    private func stayingAgents(of workload: WorkloadKey) -> [AgentHello] {
        guard let place = places[workload] else { return [] }
        return place.agents.filter { !place.leaving.contains($0.key) }.map(\.value)
    }

    /// A workload has agents or attachments.
    package func isOccupied(_ workload: WorkloadKey) -> Bool { places[workload] != nil }

    /// The workloads that have agents.
    package var workloadsWithAgents: Set<WorkloadKey> { Set(agents.values) }

    /// Every agent that was told and stays has answered.
    ///
    /// Where none stays one that serves is enough; but who refuses on its way out is not the last to be asked.
    package func isSettled(_ id: String) -> Bool {
        guard let entry = entries[id], entry.engaged else { return false }
        let staying = self.staying(entry)
        guard !staying.isEmpty else { return entry.isServed }
        return !staying.values.contains(.pending)
    }

    /// The agents that were told and stay, and have not answered, by session.
    package func silent(_ id: String) -> [String] {
        guard let entry = entries[id] else { return [] }
        return staying(entry).filter { $0.value == .pending }.keys.sorted()
    }

    /// What the agents say that stay.
    private func staying(_ entry: Entry) -> [String: Answer] {
        let leaving = places[entry.workload]?.leaving ?? []
        return leaving.isEmpty ? entry.answers : entry.answers.filter { !leaving.contains($0.key) }
    }

    /// The agents to choose from for what one of them does for all: those that serve and stay, or else all that serve.
    private func able(_ entry: Entry) -> [String] {
        let all = entry.serving
        guard let leaving = places[entry.workload]?.leaving, !leaving.isEmpty else { return all }
        let staying = all.filter { !leaving.contains($0) }
        return staying.isEmpty ? all : staying
    }

    /// Which agents may send connections of an attachment to which session; nil when none may.
    package func permission(_ id: String) -> RelayPermissions.Row? {
        guard let entry = entries[id], entry.engaged, !entry.away else { return nil }
        return RelayPermissions.Row(session: entry.attachment.sessionID, agents: Set(entry.answers.keys))
    }

    /// The agent that serves an attachment's volumes, and the container that they are of unless another is named; nil while
    /// there is none.
    ///
    /// The agent of the pod that the environment is of, or else the first other one; with each further attempt the next. None
    /// of a pod that is being deleted, if there is another.
    package func volumeServer(of id: String, attempt: UInt32 = 0) -> (agent: String, container: String)? {
        guard let entry = entries[id], entry.engaged, !entry.away else { return nil }
        let hellos = places[entry.workload]?.agents ?? [:]
        let active = able(entry)
        guard !active.isEmpty else { return nil }
        let first = active.firstIndex { hellos[$0]?.podName == entry.attachment.podName } ?? 0
        let server = active[(first + Int(attempt % UInt32(active.count))) % active.count]
        guard let hello = hellos[server] else { return nil }
        return (server, Self.container(of: entry.attachment, in: hello)?.name ?? "")
    }

    /// The container that an attachment's environment and volumes are of.
    private static func container(of attachment: Attachment, in agent: AgentHello) -> ContainerInfo? {
        agent.containers.first { $0.name == attachment.container } ?? agent.containers.first
    }

    /// What has changed since the last time.
    package mutating func takeChanges() -> Changes {
        defer { changes = Changes() }
        return changes
    }

    /// The workloads that have more agents or fewer than the last time.
    package mutating func takeChangedAgents() -> Set<WorkloadKey> {
        defer { changedAgents = [] }
        return changedAgents
    }

    /// The workloads that a replacement has left without having put its container back.
    package mutating func takeFreed() -> Set<WorkloadKey> {
        defer { freed = [] }
        return freed
    }

    /// The containers of a workload that are to run in none of its pods.
    package func replacedContainers(of workload: WorkloadKey) -> Set<String> {
        let entries = (places[workload]?.attachments ?? []).compactMap { self.entries[$0] }
        return Set(entries.filter { $0.claim.kind == .replace && !$0.leaving }.map(\.claim.container))
    }

    /// The workloads with agents in whose place stand other containers than asked for.
    package var strangeWorkloads: Set<WorkloadKey> {
        workloadsWithAgents.filter { key in
            let wanted = replacedContainers(of: key)
            return places[key]?.agents.values.contains { Set($0.replacedContainers) != wanted } == true
        }
    }

    // MARK: attachments

    /// Adds an attachment that waits.
    ///
    /// One that is in the way of another is refused, naming who holds it, unless that holder's standing lets it make way:
    /// then the other ends, and its owner is told why.
    package mutating func add(
        _ attachment: Attachment,
        workload: WorkloadKey,
        standing: (_ holder: String) -> HolderStanding = { _ in .blocks }
    ) throws(ManagerFailure) -> [Notice] {
        for id in holders[attachment.sessionID] ?? [] {
            guard let held = entries[id]?.attachment.spec else { continue }
            guard held.name != attachment.spec.name || held.namespace != attachment.spec.namespace else {
                throw ManagerFailure(.conflict, "an attachment called \(attachment.spec.name) is there already")
            }
        }
        let claim = TrafficClaim(attachment)
        var yielding: [(id: String, reason: String)] = []
        for id in (places[workload]?.attachments ?? []).sorted() {
            guard let entry = entries[id], let clash = claim.clash(with: entry.claim) else { continue }
            let other = entry.attachment
            guard let reason = standing(other.sessionID).reason(attachment.owner) else {
                throw Self.refusal(of: attachment, clash, workload, other)
            }
            yielding.append((id, reason))
        }
        let notices = yielding.flatMap { remove($0.id, reason: $0.reason) }
        var attachment = attachment
        attachment.state = .waiting
        // One that comes back has its number. What somebody made up must not use the numbers up.
        if attachment.order == 0 || attachment.order > UInt64(UInt32.max) { attachment.order = lastOrder + 1 }
        lastOrder = max(lastOrder, attachment.order)
        entries[attachment.id] = Entry(attachment: attachment, workload: workload, claim: claim)
        holders[attachment.sessionID, default: []].insert(attachment.id)
        change(workload) { $0.attachments.insert(attachment.id) }
        changes.attachments.insert(attachment.id)
        return notices
    }

    /// Tells the agents of the workload; they answer.
    package mutating func engage(_ id: String) -> [Notice] {
        guard entries[id] != nil else { return [] }
        entries[id]?.engaged = true
        return tellAgents(id)
    }

    /// From now on the holder is told of every change.
    package mutating func announce(_ id: String) {
        entries[id]?.announced = true
    }

    /// A replacement is about to end: its traffic goes on until the container is back.
    package mutating func leave(_ id: String) {
        entries[id]?.leaving = true
    }

    /// Ends an attachment: its agents and, once it was announced, its holder are told.
    package mutating func remove(_ id: String, reason: String = "") -> [Notice] {
        guard let entry = entries.removeValue(forKey: id) else { return [] }
        var attachment = entry.attachment
        holders[attachment.sessionID]?.remove(id)
        if holders[attachment.sessionID]?.isEmpty == true { holders[attachment.sessionID] = nil }
        change(entry.workload) { $0.attachments.remove(id) }
        if entry.claim.kind == .replace, !entry.leaving { freed.insert(entry.workload) }
        changes.attachments.insert(id)
        attachment.message = reason
        let change = AttachmentChange(attachment: attachment, removed: true)
        var notices = entry.away ? [] : entry.answers.keys.sorted().map { Notice($0, change.forAgent) }
        if entry.announced { notices.append(Notice(attachment.sessionID, change)) }
        return notices
    }

    /// Ends what a session has asked for and not been given yet.
    package mutating func removeUnannounced(of session: String) -> [Notice] {
        ids(of: session).filter { entries[$0]?.announced == false }.flatMap { remove($0) }
    }

    // MARK: holders

    /// A holder's link is lost: its agents turn to the app at once.
    package mutating func holderLost(_ session: String) -> [Notice] {
        var notices: [Notice] = []
        for id in ids(of: session) {
            guard var entry = entries[id], !entry.away else { continue }
            entry.away = true
            let change = AttachmentChange(attachment: entry.attachment, removed: true).forAgent
            notices += entry.answers.keys.sorted().map { Notice($0, change) }
            entry.answers = [:]
            entry.attachment.agents = []
            entry.attachment.state = .waiting
            entry.attachment.message = "the workstation is away"
            entries[id] = entry
            changes.attachments.insert(id)
        }
        return notices
    }

    /// A holder is back: its agents turn to it again.
    package mutating func holderBack(_ session: String) -> [Notice] {
        var notices: [Notice] = []
        for id in ids(of: session) {
            guard let entry = entries[id], entry.away else { continue }
            entries[id]?.away = false
            changes.attachments.insert(id)
            if entry.engaged { notices += tellAgents(id) }
        }
        return notices
    }

    // MARK: agents

    /// An agent is there: it is told of what concerns it.
    package mutating func agentJoined(_ session: String, _ hello: AgentHello) -> [Notice] {
        // A resumed agent has answered nothing on its new link.
        var notices = agents[session] == nil ? [] : agentLost(session)
        let key = WorkloadKey(kind: hello.workloadKind, name: hello.workloadName, namespace: hello.namespace)
        agents[session] = key
        change(key) { $0.agents[session] = hello }
        for id in (places[key]?.attachments ?? []).sorted() {
            guard let entry = entries[id], entry.engaged, !entry.away else { continue }
            notices += tell(id, [session])
        }
        return notices
    }

    /// An agent's pod is being deleted, or after all is not.
    ///
    /// What it serves it goes on serving; the environment becomes that of another pod, if one serves too.
    package mutating func agentLeaves(_ session: String, _ isLeaving: Bool = true) -> [Notice] {
        guard let key = agents[session], places[key]?.leaving.contains(session) == !isLeaving else { return [] }
        if isLeaving { places[key]?.leaving.insert(session) } else { places[key]?.leaving.remove(session) }
        changedAgents.insert(key)
        var notices: [Notice] = []
        for id in (places[key]?.attachments ?? []).sorted() {
            guard let entry = entries[id], entry.answers[session] != nil else { continue }
            var attachment = entry.attachment
            let able = able(entry)
            // A pod may have the name of its predecessor.
            if let own = places[key]?.agents[session], !able.contains(session), let other = able.first,
                let agent = places[key]?.agents[other], attachment.podName == own.podName,
                attachment.podIP == own.podIP
            {
                represent(&attachment, agent)
            }
            notices += review(id, attachment)
        }
        return notices
    }

    /// An agent is gone.
    package mutating func agentLost(_ session: String) -> [Notice] {
        guard let key = agents.removeValue(forKey: session) else { return [] }
        let concerned = (places[key]?.attachments ?? []).sorted()
        change(key) {
            $0.agents[session] = nil
            $0.leaving.remove(session)
        }
        var notices: [Notice] = []
        for id in concerned {
            guard entries[id]?.answers.removeValue(forKey: session) != nil else { continue }
            notices += review(id)
        }
        return notices
    }

    /// An agent's word.
    ///
    /// Ignored when it was not asked.
    package mutating func agentReported(_ session: String, _ report: AgentReport) -> [Notice] {
        let id = report.attachmentID
        guard let entry = entries[id], entry.answers[session] != nil else { return [] }
        entries[id]?.answers[session] = report.state == .active ? .active : .refused(report.message)
        var attachment = entry.attachment
        if report.copied > 0 {
            // An agent that is taken up again goes on counting.
            let tallies = entry.tallies.merging([session: (report.copied, report.dropped)]) { $1 }
            entries[id]?.tallies = tallies
            attachment.copied = tallies.values.reduce(0) { $0 &+ $1.copied }
            attachment.dropped = tallies.values.reduce(0) { $0 &+ $1.dropped }
        }
        if let entry = entries[id], able(entry) == [session], let agent = places[entry.workload]?.agents[session] {
            represent(&attachment, agent)
        }
        return review(id, attachment)
    }

    /// The environment and the volumes are those of an agent's pod.
    private func represent(_ attachment: inout Attachment, _ agent: AgentHello) {
        attachment.podName = agent.podName
        attachment.podIP = agent.podIP
        let container = Self.container(of: attachment, in: agent)
        attachment.environment = (container?.environment ?? [:]).filter { !excluded.contains($0.key) }
        attachment.mounts = container?.mounts ?? []
        attachment.localMounts = container?.localMounts ?? []
        attachment.mountError = container?.mountError ?? ""
    }

    // MARK: parts

    private func ids(of session: String) -> [String] { (holders[session] ?? []).sorted() }

    /// Changes what there is of a workload; of an empty place nothing is kept.
    private mutating func change(_ workload: WorkloadKey, _ body: (inout Place) -> Void) {
        let wasOccupied = places[workload] != nil
        let before = places[workload]?.agents.count ?? 0
        body(&places[workload, default: Place()])
        if before != places[workload]?.agents.count ?? 0 { changedAgents.insert(workload) }
        if let place = places[workload], place.attachments.isEmpty, place.agents.isEmpty { places[workload] = nil }
        if wasOccupied != (places[workload] != nil) { changes.workloads.insert(workload) }
    }

    /// Tells the agents that have not been told yet.
    private mutating func tellAgents(_ id: String) -> [Notice] {
        guard let workload = entries[id]?.workload else { return [] }
        return tell(id, (places[workload]?.agents ?? [:]).keys.sorted())
    }

    private mutating func tell(_ id: String, _ sessions: [String]) -> [Notice] {
        guard let entry = entries[id] else { return [] }
        let change = AttachmentChange(attachment: entry.attachment).forAgent
        var notices: [Notice] = []
        for session in sessions where entry.answers[session] == nil {
            entries[id]?.answers[session] = .pending
            notices.append(Notice(session, change))
        }
        return notices + review(id)
    }

    /// Works the state out anew, and tells the holder if it is another.
    private mutating func review(_ id: String, _ update: Attachment? = nil) -> [Notice] {
        guard var entry = entries[id] else { return [] }
        changes.attachments.insert(id)
        guard entry.engaged, !entry.away else { return [] }
        let before = entry.attachment
        if let update { entry.attachment = update }
        entry.attachment.agents = linkPlaces(entry)
        // Whoever goes is not waited for, if somebody stays.
        let staying = self.staying(entry)
        let answers = (staying.isEmpty ? entry.answers : staying).values
        if entry.isServed {
            entry.attachment.state = .active
            entry.attachment.message = ""
        } else if answers.isEmpty {
            entry.attachment.state = .noAgent
            entry.attachment.message = "there is no agent in \(entry.workload)"
        } else if answers.contains(.pending) {
            entry.attachment.state = .waiting
            entry.attachment.message = "waiting for the agent"
        } else {
            entry.attachment.state = .error
            let reasons = answers.compactMap { if case .refused(let reason) = $0 { reason } else { nil } }
            entry.attachment.message = Set(reasons).sorted().joined(separator: "; ")
        }
        entries[id] = entry
        guard entry.announced, entry.attachment != before else { return [] }
        return [Notice(entry.attachment.sessionID, AttachmentChange(attachment: entry.attachment))]
    }

    /// Where the agents that serve an attachment take direct links.
    private func linkPlaces(_ entry: Entry) -> [AgentPlace] {
        let hellos = places[entry.workload]?.agents ?? [:]
        let serving = entry.answers.compactMap { session, answer -> AgentPlace? in
            guard answer == .active, let hello = hellos[session], hello.linkPort > 0 else { return nil }
            return AgentPlace(podName: hello.podName, linkPort: hello.linkPort)
        }
        return Array(serving.sorted { $0.podName < $1.podName }.prefix(Self.maximumPlaces))
    }
}

extension AttachmentChange {
    /// As an agent is told it: what it need not know is left out, and the state is what the agent is to make of it.
    fileprivate var forAgent: AttachmentChange {
        var change = self
        change.attachment.environment = [:]
        change.attachment.agents = []
        change.attachment.state = .active
        change.attachment.message = ""
        return change
    }
}
