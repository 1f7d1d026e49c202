extension StatusReport {
    /// Rows that a report has at most, so that it stays far below the limit of a message.
    package static let pageLimit = 1000

    /// Nothing is said.
    package var isEmpty: Bool { self == StatusReport() }

    /// Only numbers differ: nothing that somebody waits for.
    package var isFiguresOnly: Bool {
        component == nil && sessions.isEmpty && attachments.isEmpty && failures.isEmpty && errors.isEmpty
            && removed.isEmpty
    }

    /// What must be said to somebody who knows `former` so that he knows this; both are snapshots.
    package func changes(since former: StatusReport) -> StatusReport {
        var change = StatusReport()
        change.component = component == former.component ? nil : component
        change.sessions = Self.different(sessions, former.sessions, \.id)
        change.attachments = Self.different(attachments, former.attachments, \.id)
        change.links = Self.different(links, former.links, \.id)
        change.tunnels = Self.different(tunnels, former.tunnels, \.id)
        change.counters = Self.different(counters, former.counters, \.name)
        let lastFailure = former.failures.last?.sequence ?? 0
        change.failures = failures.filter { $0.sequence > lastFailure }
        let lastError = former.errors.last?.sequence ?? 0
        change.errors = errors.filter { $0.sequence > lastError }
        change.removed =
            Self.gone("session", sessions, former.sessions, \.id)
            + Self.gone("attachment", attachments, former.attachments, \.id)
            + Self.gone("link", links, former.links, \.id)
            + Self.gone("tunnel", tunnels, former.tunnels, \.id)
            + Self.gone("counter", counters, former.counters, \.name)
        return change
    }

    /// Takes in what a component has sent.
    ///
    /// Of failures and errors the last `limit` are kept.
    package mutating func apply(_ change: StatusReport, limit: Int = 32) {
        if change.full { self = StatusReport(full: true) }
        for name in change.removed { remove(name) }
        component = change.component ?? component
        Self.merge(&sessions, change.sessions, \.id)
        Self.merge(&attachments, change.attachments, \.id)
        Self.merge(&links, change.links, \.id)
        Self.merge(&tunnels, change.tunnels, \.id)
        Self.merge(&counters, change.counters, \.name)
        failures = Array((failures + change.failures).suffix(limit))
        errors = Array((errors + change.errors).suffix(limit))
    }

    /// The report in parts of at most ``pageLimit`` rows; all but the last say that there is more.
    package func pages(limit: Int = StatusReport.pageLimit) -> [StatusReport] {
        var pages: [StatusReport] = []
        var page = self
        (page.sessions, page.attachments, page.links, page.removed) = ([], [], [], [])
        var room = limit
        func take<Row>(_ rows: [Row], into path: WritableKeyPath<StatusReport, [Row]>) {
            var rest = rows[...]
            while !rest.isEmpty {
                if room == 0 {
                    page.more = true
                    pages.append(page)
                    page = StatusReport()
                    room = limit
                }
                let part = rest.prefix(room)
                page[keyPath: path] += part
                room -= part.count
                rest = rest.dropFirst(part.count)
            }
        }
        // First, so that what is gone and what is new under the same name come in this order.
        take(removed, into: \.removed)
        take(sessions, into: \.sessions)
        take(attachments, into: \.attachments)
        take(links, into: \.links)
        page.more = false
        return pages + [page]
    }

    private mutating func remove(_ name: String) {
        guard let slash = name.firstIndex(of: "/") else { return }
        let id = name[name.index(after: slash)...]
        switch name[..<slash] {
        case "session": sessions.removeAll { $0.id == id }
        case "attachment": attachments.removeAll { $0.id == id }
        case "link": links.removeAll { $0.id == id }
        case "tunnel": tunnels.removeAll { $0.id == id }
        case "counter": counters.removeAll { $0.name == id }
        default: break
        }
    }

    private static func different<Row: Equatable>(
        _ rows: [Row],
        _ former: [Row],
        _ key: KeyPath<Row, String>
    ) -> [Row] {
        let known = Dictionary(former.map { ($0[keyPath: key], $0) }, uniquingKeysWith: { $1 })
        return rows.filter { known[$0[keyPath: key]] != $0 }
    }

    private static func gone<Row>(
        _ kind: String,
        _ rows: [Row],
        _ former: [Row],
        _ key: KeyPath<Row, String>
    ) -> [String] {
        let there = Set(rows.map { $0[keyPath: key] })
        return former.map { $0[keyPath: key] }.filter { !there.contains($0) }.map { "\(kind)/\($0)" }
    }

    private static func merge<Row>(_ rows: inout [Row], _ fresh: [Row], _ key: KeyPath<Row, String>) {
        guard !fresh.isEmpty else { return }
        var places = Dictionary(
            rows.enumerated().map { ($1[keyPath: key], $0) },
            uniquingKeysWith: { $1 }
        )
        for row in fresh {
            if let place = places[row[keyPath: key]] {
                rows[place] = row
            } else {
                places[row[keyPath: key]] = rows.count
                rows.append(row)
            }
        }
    }
}
