package import Message

/// Who is there: sessions with their secrets.
///
/// Pure; time comes as an argument.
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
    }

    private var sessions: [String: Session] = [:]
    private let retention: Duration

    package init(retention: Duration) {
        self.retention = retention
    }

    package var all: [Session] { Array(sessions.values) }

    package subscript(id: String) -> Session? { sessions[id] }

    /// Takes a participant in, or back.
    ///
    /// A session is taken up again only by who knows its secret, is of the same kind and is the same one; anything else makes
    /// a new one, with the id and secret given. So an id alone opens nothing.
    package mutating func hello(
        _ hello: Hello,
        as principal: Principal,
        newID: String,
        newSecret: [UInt8]
    ) throws(ManagerFailure) -> OnHello {
        switch hello.kind {
        case .client:
            guard let client = hello.client, !client.user.isEmpty, !client.host.isEmpty else {
                throw ManagerFailure(.invalid, "a client must say user and host")
            }
        case .agent:
            guard let agent = hello.agent, !agent.workloadName.isEmpty, !agent.namespace.isEmpty else {
                throw ManagerFailure(.invalid, "an agent must say workload and namespace")
            }
        case .unknown:
            throw ManagerFailure(.invalid, "unknown kind of participant")
        }
        if var known = sessions[hello.sessionID], known.hello.kind == hello.kind,
            Self.same(known.secret, hello.secret), known.principal.isSame(as: principal)
        {
            let displaced = known.isLinked
            known.hello = hello
            known.principal = principal
            known.generation += 1
            known.awaySince = nil
            sessions[known.id] = known
            return OnHello(session: known, resumed: true, displaced: displaced)
        }
        guard sessions[newID] == nil else { throw ManagerFailure(.failed, "session id in use") }
        let session = Session(id: newID, secret: newSecret, hello: hello, principal: principal, generation: 1)
        sessions[newID] = session
        return OnHello(session: session, resumed: false, displaced: false)
    }

    /// A link has ended.
    ///
    /// False when it was not the session's present one.
    package mutating func linkLost(_ id: String, generation: Int, now: ContinuousClock.Instant) -> Bool {
        guard var session = sessions[id], session.generation == generation, session.isLinked else { return false }
        session.awaySince = now
        sessions[id] = session
        return true
    }

    /// Forgets a session.
    package mutating func remove(_ id: String) -> Session? {
        sessions.removeValue(forKey: id)
    }

    /// Sessions that have been away for too long.
    package func expired(now: ContinuousClock.Instant) -> [String] {
        sessions.values.filter { session in
            session.awaySince.map { $0.advanced(by: retention) <= now } ?? false
        }.map(\.id)
    }

    /// Whether `secret` is that of the linked session `id`.
    package func proves(_ id: String, secret: [UInt8]) -> Bool {
        guard let session = sessions[id] else { return false }
        return Self.same(session.secret, secret)
    }

    /// Takes the same time wherever the difference is.
    private static func same(_ one: [UInt8], _ other: [UInt8]) -> Bool {
        guard one.count == other.count, !one.isEmpty else { return false }
        return zip(one, other).reduce(0) { $0 | ($1.0 ^ $1.1) } == 0
    }
}
