import DequeModule
package import Message

/// Who is there: sessions with their secrets.
///
/// Pure; time comes as an argument. No input looks at sessions that it does not concern.
///
///     hello ──► linked ──link lost──► away ──retention over──► gone
///                 ▲                    │
///                 └──hello with id and secret──┘        depart: gone at once
package struct SessionRegistry: Sendable {
    /// One participant.
    package struct Session: Sendable {
        package let id: String
        package let secret: [UInt8]
        package fileprivate(set) var hello: Hello
        /// Who it is; on each link anew, always the same one.
        package fileprivate(set) var principal: Principal
        /// Counts the links that the session has had; an older link's end means nothing.
        package fileprivate(set) var generation: Int
        /// When its link was lost; nil while it is linked.
        package fileprivate(set) var awaySince: ContinuousClock.Instant?
        /// When somebody last used the workstation: a command, or a new connection into the cluster.
        package fileprivate(set) var lastActive: ContinuousClock.Instant
        /// The latest of its attachments that others have ended, oldest first: it may not have heard of it, since a link that is
        /// lost looks alive for a while.
        fileprivate var ended: Deque<AttachmentChange> = []
        /// Those of them of which it cannot have heard.
        fileprivate var untold: Set<String> = []

        /// It has a link.
        package var isLinked: Bool { awaySince == nil }
        /// `user@host` of a client, the pod's name of an agent.
        package var owner: String {
            if let client = hello.client { return "\(client.user)@\(client.host)" }
            return hello.agent?.podName ?? ""
        }
    }

    /// What a hello leads to.
    package struct OnHello: Sendable {
        /// The session as it is now.
        package let session: Session
        /// It was known before.
        package let resumed: Bool
        /// It had a link still, which is of no more use.
        package let displaced: Bool
        /// What others have ended, by attachment; it may have heard of it.
        package let ended: [String: AttachmentChange]
        /// Those of them that ended while it was away.
        package let untold: Set<String>
    }

    /// How long sessions last without a link, and without use.
    package struct Terms: Sendable {
        /// How long a workstation's session whose link is gone can be resumed.
        package var clientRetention: Duration
        /// The same for an agent's: it comes back at once, or never.
        package var agentRetention: Duration
        /// After how long without use a workstation stands in nobody's way any more.
        package var inactivity: Duration

        package init(
            clientRetention: Duration = .seconds(24 * 3600),
            agentRetention: Duration = .seconds(15),
            inactivity: Duration = .seconds(600)
        ) {
            self.clientRetention = clientRetention
            self.agentRetention = agentRetention
            self.inactivity = inactivity
        }
    }

    /// An entry of a queue: since all sessions of a kind are kept for the same time, they expire in the order in which
    /// their links were lost, and looking for what is due costs what is due.
    private struct Absence: Sendable {
        let id: String
        let since: ContinuousClock.Instant
    }

    private var sessions: [String: Session] = [:]
    private var absentClients: Deque<Absence> = []
    private var absentAgents: Deque<Absence> = []
    private let terms: Terms

    /// The sessions of workstations.
    package private(set) var clients: Set<String> = []

    package init(_ terms: Terms) {
        self.terms = terms
    }

    /// Every session, for those who want to see the whole; it costs as much.
    package var all: [Session] { Array(sessions.values) }

    /// How many sessions there are.
    package var count: Int { sessions.count }

    package subscript(id: String) -> Session? { sessions[id] }

    /// Takes a participant in, or back.
    ///
    /// A session is taken up again only by who knows its secret, is of the same kind and is the same one; anything else makes
    /// a new one, with the id and secret given. So an id alone opens nothing.
    package mutating func hello(
        _ hello: Hello,
        as principal: Principal,
        newID: String,
        newSecret: [UInt8],
        now: ContinuousClock.Instant
    ) throws(ManagerFailure) -> OnHello {
        switch hello.kind {
        case .client:
            // It is proven as what its kind says: of the other one it must not say a word.
            guard let client = hello.client, hello.agent == nil, !client.user.isEmpty, !client.host.isEmpty else {
                throw ManagerFailure(.invalid, "a client must say user and host, and nothing of an agent")
            }
        case .agent:
            guard let agent = hello.agent, hello.client == nil, !agent.workloadName.isEmpty, !agent.namespace.isEmpty
            else {
                throw ManagerFailure(.invalid, "an agent must say workload and namespace, and nothing of a client")
            }
        case .unknown:
            throw ManagerFailure(.invalid, "unknown kind of participant")
        }
        if var known = sessions[hello.sessionID], known.hello.kind == hello.kind,
            Self.same(known.secret, hello.secret), known.principal.isSame(as: principal)
        {
            let displaced = known.isLinked
            let untold = known.untold
            known.untold = []
            known.hello = hello
            known.principal = principal
            known.generation += 1
            known.awaySince = nil
            sessions[known.id] = known
            let ended = Dictionary(known.ended.map { ($0.attachment.id, $0) }) { $1 }
            return OnHello(session: known, resumed: true, displaced: displaced, ended: ended, untold: untold)
        }
        guard sessions[newID] == nil else { throw ManagerFailure(.failed, "session id in use") }
        let session = Session(
            id: newID,
            secret: newSecret,
            hello: hello,
            principal: principal,
            generation: 1,
            lastActive: now
        )
        sessions[newID] = session
        if hello.kind == .client { clients.insert(newID) }
        return OnHello(session: session, resumed: false, displaced: false, ended: [:], untold: [])
    }

    /// A link has ended.
    ///
    /// False when it was not the session's present one.
    package mutating func linkLost(_ id: String, generation: Int, now: ContinuousClock.Instant) -> Bool {
        guard let session = sessions[id], session.generation == generation, session.isLinked else { return false }
        sessions[id]?.awaySince = now
        let absence = Absence(id: id, since: now)
        if session.hello.kind == .client {
            absentClients.append(absence)
            tidy(&absentClients)
        } else {
            absentAgents.append(absence)
            tidy(&absentAgents)
        }
        return true
    }

    /// Takes out those who have come back, once they are most of the queue: a link that comes and goes costs no memory.
    private func tidy(_ queue: inout Deque<Absence>) {
        guard queue.count > 2 * sessions.count + 64 else { return }
        queue.removeAll { sessions[$0.id]?.awaySince != $0.since }
    }

    /// Forgets a session.
    package mutating func remove(_ id: String) -> Session? {
        clients.remove(id)
        return sessions.removeValue(forKey: id)
    }

    /// Sessions that have been away for too long; each is named once, and is to be removed.
    package mutating func expired(now: ContinuousClock.Instant) -> [String] {
        Self.due(&absentClients, now.advanced(by: .zero - terms.clientRetention), sessions)
            + Self.due(&absentAgents, now.advanced(by: .zero - terms.agentRetention), sessions)
    }

    private static func due(
        _ queue: inout Deque<Absence>,
        _ limit: ContinuousClock.Instant,
        _ sessions: [String: Session]
    ) -> [String] {
        var found: [String] = []
        func isCurrent(_ absence: Absence) -> Bool { sessions[absence.id]?.awaySince == absence.since }
        while let first = queue.first {
            // Who has come back since needs no place in the queue.
            guard first.since <= limit || !isCurrent(first) else { break }
            queue.removeFirst()
            if isCurrent(first) { found.append(first.id) }
        }
        return found
    }

    // MARK: use

    /// Somebody has used the workstation.
    package mutating func used(_ id: String, now: ContinuousClock.Instant) {
        sessions[id]?.lastActive = now
    }

    /// How `holder` stands towards `asker`, who wants what it holds.
    ///
    /// - Parameters:
    ///   - holder: the session that holds it.
    ///   - asker: the session that asks.
    ///   - now: the time.
    /// - Returns: `orphan` where both are of the same user on the same workstation and the holder has no link; `inactive`
    ///   where nobody has used it for too long; a session that is not known holds nothing back either.
    package func standing(of holder: String, towards asker: String, now: ContinuousClock.Instant) -> HolderStanding {
        guard let holder = sessions[holder], let asker = sessions[asker] else { return .inactive }
        // A conflict within one session is the user's own business.
        guard holder.id != asker.id else { return .blocks }
        if !holder.isLinked, holder.owner == asker.owner, holder.principal.isSame(as: asker.principal) {
            return .orphan
        }
        return holder.lastActive.advanced(by: terms.inactivity) <= now ? .inactive : .blocks
    }

    /// How many are remembered of what others have ended.
    private static let memory = 64

    /// An attachment of a session has ended; if the session comes back with it, it is told.
    package mutating func ended(_ id: String, _ change: AttachmentChange) {
        guard clients.contains(id), let count = sessions[id]?.ended.count else { return }
        if count >= Self.memory, let oldest = sessions[id]?.ended.removeFirst() {
            sessions[id]?.untold.remove(oldest.attachment.id)
        }
        var change = change
        change.attachment.environment = [:]
        sessions[id]?.ended.append(change)
        if sessions[id]?.isLinked == false { sessions[id]?.untold.insert(change.attachment.id) }
    }

    // MARK: who it is

    /// A session has proven anew who it is: what it may do goes by that from now on.
    package mutating func renewed(_ id: String, generation: Int, as principal: Principal) {
        guard let session = sessions[id], session.generation == generation, session.principal.isSame(as: principal)
        else { return }
        sessions[id]?.principal = principal
    }

    /// Takes the same time wherever the difference is.
    private static func same(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        guard one.count == other.count, !one.isEmpty else { return false }
        return zip(one, other).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
