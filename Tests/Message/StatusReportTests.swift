import Message
import TestSupport
import Testing

@Suite struct StatusReportTests {
    private static func random(_ generator: inout SplitMix64) -> StatusReport {
        func rows<Row>(_ make: (String) -> Row) -> [Row] {
            (0..<8).filter { _ in Bool.random(using: &generator) }.map { make("\($0)") }
        }
        var report = StatusReport(full: true, component: ComponentStatus(kind: "userd"))
        report.component?.state = Bool.random(using: &generator) ? "connected" : "disconnected"
        report.sessions = rows { SessionStatus(id: $0, linked: Bool.random(using: &generator)) }
        report.attachments = rows { AttachmentStatus(id: $0, message: "\(Int.random(in: 0...1, using: &generator))") }
        report.links = rows { LinkStatus(id: $0, bytesIn: .random(in: 0...2, using: &generator)) }
        report.tunnels = rows { TunnelStatus(id: $0, opened: .random(in: 0...2, using: &generator)) }
        report.counters = rows { StatusCounter(name: $0, value: .random(in: 0...2, using: &generator)) }
        return report
    }

    private static func sorted(_ report: StatusReport) -> StatusReport {
        var report = report
        report.sessions.sort { $0.id < $1.id }
        report.attachments.sort { $0.id < $1.id }
        report.links.sort { $0.id < $1.id }
        report.tunnels.sort { $0.id < $1.id }
        report.counters.sort { $0.name < $1.name }
        return report
    }

    @Test("whoever applies every change knows the latest state", arguments: [1, 3, 1000])
    func changesAddUp(pageLimit: Int) {
        var generator = SplitMix64(seed: 0x57A7)
        var known = StatusReport()
        var former = Self.random(&generator)
        for page in former.pages(limit: pageLimit) { known.apply(page) }
        for _ in 0..<200 {
            let next = Self.random(&generator)
            for page in next.changes(since: former).pages(limit: pageLimit) { known.apply(page) }
            former = next
            #expect(Self.sorted(known) == former)
        }
    }

    @Test("nothing is said when nothing changes, and what is only numbers is known as such")
    func quiet() {
        var generator = SplitMix64(seed: 1)
        var report = Self.random(&generator)
        report.links = [LinkStatus(id: "1", bytesIn: 1)]
        #expect(report.changes(since: report).isEmpty)
        var later = report
        later.links[0].bytesIn = 2
        #expect(later.changes(since: report).isFiguresOnly)
        later.sessions.append(SessionStatus(id: "new"))
        #expect(!later.changes(since: report).isFiguresOnly)
        #expect(later.changes(since: report).sessions.map(\.id) == ["new"])
        later.links = []
        #expect(later.changes(since: report).removed == ["link/1"])
    }

    @Test("only failures and errors that are new are said again")
    func sequences() {
        let first = StatusReport(errors: [ErrorNote(sequence: 1), ErrorNote(sequence: 2)])
        let second = StatusReport(errors: [ErrorNote(sequence: 2), ErrorNote(sequence: 3)])
        #expect(second.changes(since: first).errors.map(\.sequence) == [3])
        var known = first
        known.apply(second.changes(since: first))
        #expect(known.errors.map(\.sequence) == [1, 2, 3])
    }

    @Test("pages are small, say whether more follow, and lose nothing")
    func pages() {
        var report = StatusReport(full: true)
        report.sessions = (0..<2500).map { SessionStatus(id: "\($0)") }
        report.links = (0..<10).map { LinkStatus(id: "\($0)") }
        let pages = report.pages()
        #expect(pages.count == 3)
        #expect(pages.map(\.more) == [true, true, false])
        #expect(pages.map(\.full) == [true, false, false])
        #expect(pages.flatMap(\.sessions) == report.sessions)
        #expect(pages.flatMap(\.links) == report.links)
        #expect(StatusReport(full: true).pages() == [StatusReport(full: true)])
    }

    @Test(
        "targets are read and written",
        arguments: [
            ("", .own), ("userd", .userDaemon), ("rootd", .rootDaemon), ("manager", .manager),
            ("agent/web-1", .agent(namespace: "", pod: "web-1")),
            ("agent/a/web-1", .agent(namespace: "a", pod: "web-1")),
            ("session/12", .session("12")),
        ] as [(String, StatusTarget)]
    )
    func targets(text: String, target: StatusTarget) {
        #expect(StatusTarget(text) == target)
        #expect(target.text == text)
    }

    @Test(
        "what is no target is none",
        arguments: ["x", "agent", "agent/", "agent/a/", "agent/a/b/c", "manager/1", "session/"]
    )
    func badTargets(text: String) {
        #expect(StatusTarget(text) == nil)
    }
}
