import NIOCore
import TestSupport
import Testing

@testable import Host
@testable import HTTP2

/// The same requests are said over HTTP/2 to the app itself, and to a gate that has a filter for about half of them.
///
/// Both ends write and read frames of their own and tell what they have seen of each stream: header blocks with their fields in
/// order and what may not be indexed, whether a block ended the stream, the bytes of the body, trailers, END_STREAM, and the
/// codes of resets. All of that is compared, on both ends. Not compared is what RFC 9113 leaves to each connection:
///
/// - where DATA frames begin and end, padding, empty frames (6.1), and in how many frames a block comes (4.3, 6.10);
/// - flow control and when something is sent (5.2), and so what one end has seen of a body that is cut off by its own reset;
/// - how fields are compressed (4.3), but for what must never be;
/// - priorities, SETTINGS, PING, GOAWAY, WINDOW_UPDATE, frames of unknown types (5.3.2, 6.5, 6.7 to 6.9, 5.5).
@Suite(.timeLimit(.minutes(5))) struct HTTP2DifferentialTests {
    /// Connections, and requests of each: 10,000 requests.
    private static let connections = 200
    private static let requests = 50

    @Test("10,000 requests of HTTP/2 are seen and answered with and without the agent the same but for who answers")
    func requests() async throws {
        let scripts = FrameServer.Scripts()
        let direct = try await FrameServer("app", scripts)
        let app = try await FrameServer("app", scripts)
        let workstation = try await FrameServer("usr", scripts)
        let scene = try await GateScene(appPort: app.port, workstationPort: workstation.port, sniffTime: .seconds(60))
        try await scene.set { $0.header = ("x-user", "me") }
        let port = scene.port
        try await withThrowingTaskGroup(of: Void.self) { group in
            for part in 0..<4 {
                group.addTask {
                    for number in stride(from: part, to: Self.connections, by: 4) {
                        try Task.checkCancellation()
                        let plan = FramePlan(seed: UInt64(number), first: number * Self.requests, count: Self.requests)
                        scripts.add(plan.exchanges)
                        async let wanted = FrameClient.talk(plan, to: direct.port)
                        async let found = FrameClient.talk(plan, to: port)
                        Self.compare(number, plan, "client", try await wanted, try await found)
                        let numbers = Dictionary(grouping: plan.exchanges, by: \.who).mapValues { $0.map(\.number) }
                        async let seen = direct.seen(plan.exchanges.map(\.number))
                        async let seenByApp = app.seen(numbers["app"] ?? [])
                        async let seenByWorkstation = workstation.seen(numbers["usr"] ?? [])
                        let behind = try await seenByApp.merging(seenByWorkstation) { one, _ in one }
                        Self.compare(number, plan, "server", try await seen, behind)
                    }
                }
            }
            try await group.waitForAll()
        }
        let all = Self.connections * Self.requests
        let (counts, others) = try await (app.counts(), workstation.counts())
        #expect(counts.all + others.all == all && counts.repeated + others.repeated == [])
        let share = Double(others.all) / Double(all)
        #expect((0.4...0.6).contains(share), "the workstation has answered \(share) of them")
        await scene.close()
        for server in [direct, app, workstation] { await server.close() }
    }

    /// Tells the first difference of a connection.
    private static func compare(
        _ connection: Int,
        _ plan: FramePlan,
        _ end: String,
        _ direct: [Int: [FrameSight]],
        _ behind: [Int: [FrameSight]]
    ) {
        for exchange in plan.exchanges {
            let (one, other) = (direct[exchange.number] ?? [], behind[exchange.number] ?? [])
            let isMarked = other.allSatisfy { $0.answerer.map { $0 == exchange.who } ?? true }
            if isMarked, !one.isEmpty || end == "client", one.count == other.count,
                zip(one, other).allSatisfy({ FrameSight.isSame($0, $1) })
            {
                continue
            }
            Issue.record(
                """
                connection \(connection), request \(exchange.number) for \(exchange.who), seen by the \(end):
                without: \(one.map(\.description).joined(separator: "\n         "))
                with:    \(other.map(\.description).joined(separator: "\n         "))
                request  \(exchange.request.steps.map { "\($0)".prefix(100) })
                response \(exchange.response.steps.map { "\($0)".prefix(100) })
                """
            )
            return
        }
    }
}
