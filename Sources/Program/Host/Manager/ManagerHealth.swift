import NIOCore

/// The manager's ports for the kubelet and for Prometheus.
struct ManagerHealth: Sendable {
    /// Where `/healthz` and `/readyz` are, unless `TELEPRESENCE_HEALTH_PORT` says otherwise; 0 turns it off.
    private static let healthPort = 8082

    /// A port that cannot be used.
    struct Problem: Error, CustomStringConvertible {
        let description: String
    }

    /// Says whether the manager is to get work.
    let readiness: Readiness
    private let servers: [PlainHTTPServer]

    /// Listens on the ports that the environment names; Prometheus' only where `TELEPRESENCE_PROMETHEUS_PORT` is set.
    static func start(
        _ environment: [String: String],
        metrics: ManagerMetrics,
        group: any EventLoopGroup
    ) async throws -> ManagerHealth {
        var servers: [PlainHTTPServer] = []
        let readiness = Readiness()
        if let port = try port("TELEPRESENCE_HEALTH_PORT", environment, usually: healthPort) {
            servers.append(
                try await listen(port, group) { path in
                    switch path {
                    case "/healthz": .init(200, "ok\n")
                    case "/readyz":
                        readiness.obstacle.map { .init(503, "not ready: \($0)\n") } ?? .init(200, "ok\n")
                    default: nil
                    }
                }
            )
        }
        if let port = try port("TELEPRESENCE_PROMETHEUS_PORT", environment, usually: 0) {
            servers.append(
                try await listen(port, group) { path in
                    guard path == "/" || path == "/metrics" else { return nil }
                    return .init(200, await metrics.text(), contentType: PrometheusText.contentType)
                }
            )
        }
        return ManagerHealth(readiness: readiness, servers: servers)
    }

    /// Stops listening.
    func stop() async {
        for server in servers { await server.stop() }
    }

    private static func port(_ name: String, _ environment: [String: String], usually: Int) throws -> Int? {
        let text = environment[name] ?? ""
        guard let port = text.isEmpty ? usually : Int(text), (0...65_535).contains(port) else {
            throw Problem(description: "\(name) is \"\(text)\"; it must be a port, or 0 for none")
        }
        return port == 0 ? nil : port
    }

    /// On all addresses, of both families where there are both.
    private static func listen(
        _ port: Int,
        _ group: any EventLoopGroup,
        _ respond: @escaping PlainHTTPServer.Responder
    ) async throws -> PlainHTTPServer {
        if let both = try? await PlainHTTPServer.start(host: "::", port: port, group: group, respond: respond) {
            return both
        }
        do {
            return try await PlainHTTPServer.start(host: "0.0.0.0", port: port, group: group, respond: respond)
        } catch {
            throw Problem(description: "port \(port) cannot be used: \(error)")
        }
    }
}
