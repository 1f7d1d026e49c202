import Foundation
import Message
import Testing

@testable import CommandLine

@Suite struct StatusTextTests {
    private static let report = StatusReport(
        full: true,
        component: ComponentStatus(
            kind: "traffic-manager",
            name: "tm-1",
            version: "0.1.0",
            pid: 7,
            started: 1_000,
            state: "serving",
            logLevel: "info"
        ),
        sessions: [
            SessionStatus(
                id: "1",
                kind: .client,
                owner: "ann@box",
                namespace: "default",
                linked: true,
                reachable: true
            ),
            SessionStatus(id: "2", kind: .agent, owner: "web-1", namespace: "default", workload: "Deployment/web"),
        ],
        attachments: [
            AttachmentStatus(
                id: "a",
                name: "web",
                kind: .intercept,
                namespace: "default",
                workload: "web",
                state: .waiting,
                message: "no agent",
                filter: "requests with a: 1"
            )
        ],
        links: [LinkStatus(id: "1", peer: "ann@box", transport: "tls", roundTripMicroseconds: 1234, bytesIn: 12_345)],
        tunnels: [
            TunnelStatus(
                id: "through-manager",
                opened: 3,
                failed: 1,
                reasons: [StatusCounter(name: "refused", value: 1)]
            )
        ],
        failures: [TunnelFailure(sequence: 1, at: 0, destination: "10.0.0.1:80", reason: "refused")],
        errors: [ErrorNote(sequence: 1, at: 86_399_999, level: "warning", text: "slow")]
    )

    @Test("a state reads line by line")
    func text() {
        #expect(
            StatusText.lines(Self.report, now: 3_662_000) == [
                "traffic-manager tm-1: serving",
                "  Version   : 0.1.0, process 7, up 1h 1m",
                "  Log level : info",
                "  Sessions:",
                "    workstation ann@box in default: linked, reachable (session/1)",
                "    agent web-1 in default, Deployment/web: away (session/2)",
                "  Attachments:",
                "    intercept web of default/web: waiting (no agent), only requests with a: 1",
                "  Links:",
                "    ann@box (tls, round trip 1.23 ms), in 12.3 kB, out 0 B, 0 streams",
                "  Tunnels:",
                "    through-manager: 3 opened, 1 failed (refused 1)",
                "  Failed tunnels:",
                "    1970-01-01T00:00:00.000Z 10.0.0.1:80: refused",
                "  Recent errors:",
                "    1970-01-01T23:59:59.999Z warning slow",
            ]
        )
    }

    @Test("as a stream it is one line of JSON, without what is empty")
    func json() throws {
        let text = try OutputFormat.jsonStream.encode(StatusReportOutput(Self.report, now: 3_000))
        #expect(!text.contains("\n"))
        let object = try #require(JSONSerialization.jsonObject(with: Data(text.utf8)) as? [String: Any])
        #expect(object["full"] as? Bool == true)
        #expect(object["counters"] == nil)
        #expect((object["component"] as? [String: Any])?["uptime_seconds"] as? Int == 2)
        #expect((object["sessions"] as? [[String: Any]])?.map { $0["kind"] as? String } == ["client", "agent"])
        #expect((object["links"] as? [[String: Any]])?.first?["round_trip_microseconds"] as? Int == 1234)
    }

    @Test(
        "bytes have at most three digits and a unit",
        arguments: [
            (999, "999 B"), (1000, "1.0 kB"), (12_345, "12.3 kB"), (999_600, "1.0 MB"), (123_456_789, "123 MB"),
        ]
            as [(UInt64, String)]
    )
    func bytes(count: UInt64, text: String) {
        #expect(StatusText.bytes(count) == text)
    }

    @Test(
        "spans of time are read",
        arguments: [("90", 90_000), ("90s", 90_000), ("5m", 300_000), ("1h30m", 5_400_000), ("500ms", 500), ("0", 0)]
            as [(String, UInt64)]
    )
    func durations(text: String, milliseconds: UInt64) {
        #expect(DurationArgument(argument: text)?.milliseconds == milliseconds)
    }

    @Test("what is no span of time is none", arguments: ["", "m", "5x", "-1", "5m3", "1.5h", "99999999999999999999s"])
    func badDurations(text: String) {
        #expect(DurationArgument(argument: text) == nil)
    }
}
