import Actor
import Call
import HTTP2
import Message
import NIOCore
import Tunnel

/// What the manager tells of itself, who may know it, and the way to agents and workstations.
struct ManagerStatus: StatusAccess {
    /// Links up to which round trips are measured anew while somebody watches.
    private static let measured = 64

    let manager: TrafficManager
    let links: NIOLoopBound<ManagerLinks>
    let ledger: TunnelLedger
    let eventLoop: any EventLoop

    /// The board with all that the manager knows.
    func board(_ name: String, _ logs: LogStore) -> StatusBoard {
        let board = StatusBoard(kind: "traffic-manager", name: name, logs: logs)
        board.add { [self] viewer, report in
            let rows = await manager.statusRows(for: viewer.seesAll ? nil : viewer.session ?? "")
            report.sessions += rows.sessions
            report.attachments += rows.attachments
            let own = viewer.seesAll ? nil : viewer.session ?? ""
            let peers = Dictionary(rows.sessions.map { ($0.id, $0.owner) }, uniquingKeysWith: { $1 })
            let (links, ledger) = (links, ledger)
            let part = try? await eventLoop.submit {
                Self.part(links.value, own == nil ? ledger : nil, only: own, peers)
            }.get()
            if let part { report.join(part) }
        }
        return board
    }

    private static func part(
        _ table: ManagerLinks,
        _ ledger: TunnelLedger?,
        only session: String?,
        _ peers: [String: String]
    ) -> StatusReport {
        var report = StatusReport()
        let rows = table.rows.filter { session == nil || $0.session == session }
        for row in rows {
            if rows.count <= Self.measured { row.link.measureRoundTrip(every: .seconds(5)) }
            let peer = (peers[row.session] ?? "unknown") + (row.isReverse ? ", reverse" : "")
            report.links.append(LinkStatus(row.link, peer: peer, session: row.session))
        }
        if let ledger { report.add("through-manager", ledger) }
        return report
    }

    // MARK: rights

    func viewer(_ context: CallContext) async throws(CallStatus) -> StatusViewer {
        let session = try await session(context)
        do throws(ManagerFailure) {
            try await manager.mayAdminister(session)
            return StatusViewer(session: session, seesAll: true)
        } catch {
            guard error.code == .forbidden else { throw CallStatus(error) }
            return StatusViewer(session: session, seesAll: false)
        }
    }

    func mayOperate(_ context: CallContext) async throws(CallStatus) {
        try await administer(try await session(context))
    }

    private func administer(_ session: String) async throws(CallStatus) {
        do throws(ManagerFailure) {
            try await manager.mayAdminister(session)
        } catch {
            throw CallStatus(error)
        }
    }

    /// The workstation's session that asks.
    private func session(_ context: CallContext) async throws(CallStatus) -> String {
        let (links, link) = (links, context.link)
        let owner = try? await eventLoop.submit { links.value.owner(of: link) }.get()
        guard let owner, owner.isClient else {
            throw CallStatus(.unauthenticated, "only a workstation with a session may ask")
        }
        return owner.session
    }

    // MARK: the way

    func onward(
        to target: StatusTarget,
        _ purpose: StatusPurpose,
        _ context: CallContext
    ) async throws(CallStatus) -> StatusOnward? {
        switch target {
        case .own, .manager: return nil
        case .userDaemon, .rootDaemon:
            throw CallStatus(.notFound, "\(target.text) runs on the workstation")
        case .agent(let namespace, let pod):
            let asker = try await session(context)
            let own = await manager.namespace(of: asker)
            let namespace = namespace.isEmpty ? own : namespace
            guard let agent = await manager.agent(namespace: namespace, pod: pod) else {
                throw CallStatus(.notFound, "pod \(namespace)/\(pod) has no traffic agent that is connected")
            }
            return try await way(toAgent: agent, purpose, asker)
        case .session(let id):
            let asker = try await session(context)
            switch await manager.kind(of: id) {
            case .agent: return try await way(toAgent: id, purpose, asker)
            case .client:
                guard purpose == .state else {
                    throw CallStatus(.permissionDenied, "the log of a workstation is its user's alone")
                }
                if id != asker { try await administer(asker) }
                return StatusOnward(try await reverse(of: id, "session \(id)"), target: .own)
            case .unknown, nil: throw CallStatus(.notFound, "there is no session \(id)")
            }
        }
    }

    private func way(
        toAgent agent: String,
        _ purpose: StatusPurpose,
        _ asker: String
    ) async throws(CallStatus) -> StatusOnward {
        // Who has its attachment served by an agent may look at it; what changes it for others is for administrators.
        let served = await manager.serves(agent, asker)
        if purpose == .level || !served { try await administer(asker) }
        guard await manager.dialBack(agent, for: "status") else {
            throw CallStatus(
                .unavailable,
                "the agent did not dial back; its manager may be too old or it is going away"
            )
        }
        return StatusOnward(try await reverse(of: agent, "the agent"), target: .own)
    }

    private func reverse(of session: String, _ name: String) async throws(CallStatus) -> CallClient {
        let links = links
        let client = try? await eventLoop.submit { links.value.reverse(of: session).map { CallClient(link: $0) } }.get()
        guard let client else {
            throw CallStatus(.unavailable, "\(name) has no reverse link at present")
        }
        return client
    }

    func spread(_ request: LogLevelRequest) async -> UInt32 {
        await manager.spread(request)
    }
}
