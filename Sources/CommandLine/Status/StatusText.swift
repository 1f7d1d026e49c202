import Kernel
import Message

/// A report as people read it.
enum StatusText {
    /// A state, or what has changed in it, line by line; `now` is in milliseconds since 1970.
    static func lines(_ report: StatusReport, now: UInt64 = WallClock.milliseconds) -> [String] {
        var lines: [String] = []
        if let component = report.component { lines += head(component, now) }
        add(&lines, "Sessions", report.sessions, session)
        add(&lines, "Attachments", report.attachments, attachment)
        add(&lines, "Links", report.links, link)
        add(&lines, "Tunnels", report.tunnels, tunnels)
        add(&lines, "Failed tunnels", report.failures) { "\(WallClock.text($0.at)) \($0.destination): \($0.reason)" }
        add(&lines, "Counters", report.counters.filter { $0.value > 0 }) { "\($0.name): \($0.value)" }
        add(&lines, "Recent errors", report.errors) { "\(WallClock.text($0.at)) \($0.level) \($0.text)" }
        add(&lines, "Gone", report.removed) { $0 }
        return lines
    }

    /// A link on one line.
    static func link(_ link: LinkStatus) -> String {
        let trip =
            link.roundTripMicroseconds == 0
            ? "" : ", round trip \(Double(link.roundTripMicroseconds / 10) / 100) ms"
        let streams = link.streams == 1 ? "1 stream" : "\(link.streams) streams"
        return "\(link.peer) (\(link.transport)\(trip)), in \(bytes(link.bytesIn)), "
            + "out \(bytes(link.bytesOut)), \(streams)"
    }

    /// A number of bytes with three digits and a unit of 1000.
    static func bytes(_ count: UInt64) -> String {
        guard count >= 1000 else { return "\(count) B" }
        var value = Double(count)
        var unit = ""
        for next in ["kB", "MB", "GB", "TB"] where value >= 999.5 {
            value /= 1000
            unit = next
        }
        if value >= 100 { return "\(Int(value.rounded())) \(unit)" }
        return "\((value * 10).rounded() / 10) \(unit)"
    }

    /// A span of time with its two largest units.
    static func span(_ seconds: UInt64) -> String {
        let (days, hours, minutes) = (seconds / 86_400, seconds / 3600 % 24, seconds / 60 % 60)
        if days > 0 { return "\(days)d \(hours)h" }
        if hours > 0 { return "\(hours)h \(minutes)m" }
        return minutes > 0 ? "\(minutes)m \(seconds % 60)s" : "\(seconds)s"
    }

    private static func head(_ component: ComponentStatus, _ now: UInt64) -> [String] {
        let name = component.name.isEmpty ? "" : " \(component.name)"
        let age = now > component.started ? (now - component.started) / 1000 : 0
        var lines = [
            "\(component.kind)\(name): \(component.state)",
            "  Version   : \(component.version), process \(component.pid), up \(span(age))",
            "  Log level : \(component.logLevel)",
        ]
        for (key, value) in component.facts.sorted(by: { $0.key < $1.key }) {
            lines.append("  \(key)\(String(repeating: " ", count: max(0, 10 - key.count))): \(value)")
        }
        return lines
    }

    private static func add<Row>(_ lines: inout [String], _ title: String, _ rows: [Row], _ body: (Row) -> String) {
        guard !rows.isEmpty else { return }
        lines.append("  \(title):")
        lines += rows.map { "    " + body($0) }
    }

    private static func session(_ session: SessionStatus) -> String {
        let what = session.kind == .agent ? "agent" : "workstation"
        let workload = session.workload.isEmpty ? "" : ", \(session.workload)"
        let state = session.linked ? session.reachable ? "linked, reachable" : "linked" : "away"
        return "\(what) \(session.owner) in \(session.namespace)\(workload): \(state) (session/\(session.id))"
    }

    private static func attachment(_ attachment: AttachmentStatus) -> String {
        let name = attachment.name.isEmpty ? attachment.id : attachment.name
        let workload = attachment.workload.isEmpty ? "" : " of \(attachment.namespace)/\(attachment.workload)"
        let reason = attachment.message.isEmpty ? "" : " (\(attachment.message))"
        let kind = attachment.kind == .unknown ? "attachment" : "\(attachment.kind)"
        let filter = attachment.filter.isEmpty ? "" : ", only \(attachment.filter)"
        return "\(kind) \(name)\(workload): \(attachment.state)\(reason)\(filter)"
    }

    private static func tunnels(_ tunnels: TunnelStatus) -> String {
        let reasons = tunnels.reasons.map { "\($0.name) \($0.value)" }.joined(separator: ", ")
        return "\(tunnels.id): \(tunnels.opened) opened, \(tunnels.failed) failed"
            + (reasons.isEmpty ? "" : " (\(reasons))")
    }
}
