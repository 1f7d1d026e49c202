import Actor
import Message
import Synchronization

/// The traffic manager's metrics, under the names that dashboards of Telepresence know.
package struct ManagerMetrics: Sendable {
    /// The manager's sessions and attachments.
    let manager: TrafficManager
    /// What is counted on its links.
    let server: ManagerServer
    /// Admission reviews under way.
    let webhooks: RequestCount

    /// All metrics at present.
    package func text() async -> String {
        let rows = await manager.statusRows(for: nil)
        let figures = await server.figures()
        return Self.text(rows.sessions, rows.attachments, figures, manager.usage, webhooks.value)
    }

    static func text(
        _ sessions: [SessionStatus],
        _ attachments: [AttachmentStatus],
        _ figures: ManagerServer.Figures,
        _ usage: UsageCounts,
        _ webhooks: UInt64
    ) -> String {
        var text = PrometheusText()
        func gauge(_ name: String, _ help: String, _ value: Int) {
            text.add("telepresence_" + name, .gauge, help, UInt64(max(0, value)))
        }
        let clients = sessions.filter { $0.kind == .client }
        gauge("agent_count", "Number of connected traffic agents", sessions.count { $0.kind == .agent && $0.linked })
        gauge("client_count", "Number of connected clients", clients.count(where: \.linked))
        gauge(
            "active_intercept_count",
            "Number of active intercepts",
            attachments.count { $0.state == .active && $0.kind == .intercept }
        )
        gauge("session_count", "Number of sessions", sessions.count)
        gauge("tunnel_count", "Number of tunnels", figures.tunnels)
        text.add(
            "telepresence_tunnel_ingress_bytes",
            .counter,
            "Number of bytes tunneled from clients",
            figures.bytes.ingress
        )
        text.add(
            "telepresence_tunnel_egress_bytes",
            .counter,
            "Number of bytes tunneled to clients",
            figures.bytes.egress
        )
        gauge("active_http_request_count", "Number of currently served http requests", Int(clamping: webhooks))
        gauge("active_grpc_request_count", "Number of currently served calls", figures.calls)
        addUse(&text, clients, attachments, usage)
        return text.text
    }

    private static func addUse(
        _ text: inout PrometheusText,
        _ clients: [SessionStatus],
        _ attachments: [AttachmentStatus],
        _ usage: UsageCounts
    ) {
        let known = usage.connects.sorted { ($0.key.name, $0.key.installID) < ($1.key.name, $1.key.installID) }
        text.add(
            "telepresence_connect_count",
            .counter,
            "The total number of connects by user",
            known.map { .init($0.value, ["client": $0.key.name, "install_id": $0.key.installID]) }
        )
        let linked = Set(clients.filter(\.linked).map(\.owner))
        text.add(
            "telepresence_connect_active_status",
            .gauge,
            "Flag to indicate when a connect is active. 1 for active, 0 for not active.",
            known.map {
                .init(
                    linked.contains($0.key.name) ? 1 : 0,
                    ["client": $0.key.name, "install_id": $0.key.installID]
                )
            }
        )
        let uses = usage.attaches.sorted {
            ($0.key.client.name, $0.key.client.installID, $0.key.kind.rawValue)
                < ($1.key.client.name, $1.key.client.installID, $1.key.kind.rawValue)
        }
        text.add(
            "telepresence_intercept_count",
            .counter,
            "The total number of intercepts by user",
            uses.map {
                .init(
                    $0.value,
                    [
                        "client": $0.key.client.name, "install_id": $0.key.client.installID,
                        "intercept_type": "\($0.key.kind)",
                    ]
                )
            }
        )
        let owners = Dictionary(clients.map { ($0.id, $0.owner) }, uniquingKeysWith: { $1 })
        let installs = Dictionary(known.map { ($0.key.name, $0.key.installID) }, uniquingKeysWith: { $1 })
        // Two attachments of one workload by one client are one series.
        var active: [[String]: UInt64] = [:]
        for attachment in attachments {
            let owner = owners[attachment.sessionID] ?? ""
            let key = [owner, installs[owner] ?? "", attachment.workload]
            active[key] = max(active[key] ?? 0, attachment.state == .active ? 1 : 0)
        }
        text.add(
            "telepresence_intercept_active_status",
            .gauge,
            "Flag to indicate when an intercept is active. 1 for active, 0 for not active.",
            active.sorted { $0.key.lexicographicallyPrecedes($1.key) }.map {
                .init($0.value, ["client": $0.key[0], "install_id": $0.key[1], "workload": $0.key[2]])
            }
        )
    }
}

/// Requests under way.
package final class RequestCount: Sendable {
    private let count = Atomic<UInt64>(0)

    package init() {}

    /// How many there are.
    package var value: UInt64 { count.load(ordering: .relaxed) }

    /// Counts a request while `body` runs.
    package func during<Value>(_ body: () async throws -> Value) async rethrows -> Value {
        count.wrappingAdd(1, ordering: .relaxed)
        defer { count.wrappingSubtract(1, ordering: .relaxed) }
        return try await body()
    }
}
