import Kernel
import Message

/// A report as JSON; what is empty is left out.
struct StatusReportOutput: Encodable {
    struct Component: Encodable {
        var kind, name, version, started, state, logLevel: String
        var pid: UInt32
        var uptimeSeconds: UInt64
        var facts: [String: String]
    }

    struct Session: Encodable {
        var id, kind, owner, namespace, workload, version: String
        var linked, reachable: Bool
    }

    struct Attachment: Encodable {
        var id, sessionId, name, kind, namespace, workload, state, message: String
        /// Which requests it is for, for people; nil when it is for all.
        var filter: String?
    }

    struct Link: Encodable, Equatable {
        var id, peer, sessionId, transport, role, opened: String
        var roundTripMicroseconds, bytesIn, bytesOut: UInt64
        var streams: UInt32
    }

    struct Tunnels: Encodable {
        var id: String
        var opened, failed: UInt64
        var reasons: [String: UInt64]
    }

    struct Failure: Encodable {
        var at, destination, reason: String
    }

    struct Note: Encodable {
        var at, level, text: String
    }

    var full: Bool?
    var more: Bool?
    var component: Component?
    var sessions: [Session]?
    var attachments: [Attachment]?
    var links: [Link]?
    var tunnels: [Tunnels]?
    var failures: [Failure]?
    var errors: [Note]?
    var counters: [String: UInt64]?
    var removed: [String]?

    /// Translates a report; `now` is in milliseconds since 1970.
    init(_ report: StatusReport, now: UInt64 = WallClock.milliseconds) {
        full = report.full ? true : nil
        more = report.more ? true : nil
        component = report.component.map {
            Component(
                kind: $0.kind,
                name: $0.name,
                version: $0.version,
                started: WallClock.text($0.started),
                state: $0.state,
                logLevel: $0.logLevel,
                pid: $0.pid,
                uptimeSeconds: now > $0.started ? (now - $0.started) / 1000 : 0,
                facts: $0.facts
            )
        }
        sessions = Self.some(report.sessions) {
            Session(
                id: $0.id,
                kind: "\($0.kind)",
                owner: $0.owner,
                namespace: $0.namespace,
                workload: $0.workload,
                version: $0.version,
                linked: $0.linked,
                reachable: $0.reachable
            )
        }
        attachments = Self.some(report.attachments) {
            Attachment(
                id: $0.id,
                sessionId: $0.sessionID,
                name: $0.name,
                kind: "\($0.kind)",
                namespace: $0.namespace,
                workload: $0.workload,
                state: "\($0.state)",
                message: $0.message,
                filter: $0.filter.isEmpty ? nil : $0.filter
            )
        }
        links = Self.some(report.links) { Link($0) }
        tunnels = Self.some(report.tunnels) {
            let reasons = $0.reasons.map { ($0.name, $0.value) }
            return Tunnels(
                id: $0.id,
                opened: $0.opened,
                failed: $0.failed,
                reasons: Dictionary(reasons, uniquingKeysWith: { $1 })
            )
        }
        failures = Self.some(report.failures) {
            Failure(at: WallClock.text($0.at), destination: $0.destination, reason: $0.reason)
        }
        errors = Self.some(report.errors) { Note(at: WallClock.text($0.at), level: $0.level, text: $0.text) }
        counters =
            report.counters.isEmpty
            ? nil : Dictionary(report.counters.map { ($0.name, $0.value) }, uniquingKeysWith: { $1 })
        removed = report.removed.isEmpty ? nil : report.removed
    }

    private static func some<Row, Output>(_ rows: [Row], _ body: (Row) -> Output) -> [Output]? {
        rows.isEmpty ? nil : rows.map(body)
    }
}

extension StatusReportOutput.Link {
    init(_ link: LinkStatus) {
        self.init(
            id: link.id,
            peer: link.peer,
            sessionId: link.sessionID,
            transport: link.transport,
            role: link.role,
            opened: WallClock.text(link.opened),
            roundTripMicroseconds: link.roundTripMicroseconds,
            bytesIn: link.bytesIn,
            bytesOut: link.bytesOut,
            streams: link.streams
        )
    }
}
