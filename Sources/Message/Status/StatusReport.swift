/// A component's state, or what has changed in it.
package struct StatusReport: WireMessage {
    /// What was said before is void: this begins a snapshot.
    package var full: Bool
    /// The snapshot goes on in the next report.
    package var more: Bool
    /// Who answers; absent when unchanged.
    package var component: ComponentStatus?
    /// New and changed sessions.
    package var sessions: [SessionStatus]
    /// New and changed attachments.
    package var attachments: [AttachmentStatus]
    /// New and changed links.
    package var links: [LinkStatus]
    /// Changed counts of tunnels.
    package var tunnels: [TunnelStatus]
    /// Tunnels that could not be opened, since the last report.
    package var failures: [TunnelFailure]
    /// Warnings and errors since the last report.
    package var errors: [ErrorNote]
    /// Changed counters.
    package var counters: [StatusCounter]
    /// What is there no more: session/ID, attachment/ID, link/ID, tunnel/ID or counter/NAME.
    package var removed: [String]

    package init(
        full: Bool = false,
        more: Bool = false,
        component: ComponentStatus? = nil,
        sessions: [SessionStatus] = [],
        attachments: [AttachmentStatus] = [],
        links: [LinkStatus] = [],
        tunnels: [TunnelStatus] = [],
        failures: [TunnelFailure] = [],
        errors: [ErrorNote] = [],
        counters: [StatusCounter] = [],
        removed: [String] = []
    ) {
        self.full = full
        self.more = more
        self.component = component
        self.sessions = sessions
        self.attachments = attachments
        self.links = links
        self.tunnels = tunnels
        self.failures = failures
        self.errors = errors
        self.counters = counters
        self.removed = removed
    }

    /// Every field at its default.
    package init() {
        self.init(full: false)
    }

    package static let table = MessageTable(
        "StatusReport",
        [
            FieldRow(1, "full", .bool),
            FieldRow(2, "more", .bool),
            FieldRow(3, "component", .optional(.message("ComponentStatus"))),
            FieldRow(4, "sessions", .repeated(.message("SessionStatus"))),
            FieldRow(5, "attachments", .repeated(.message("AttachmentStatus"))),
            FieldRow(6, "links", .repeated(.message("LinkStatus"))),
            FieldRow(7, "tunnels", .repeated(.message("TunnelStatus"))),
            FieldRow(8, "failures", .repeated(.message("TunnelFailure"))),
            FieldRow(9, "errors", .repeated(.message("ErrorNote"))),
            FieldRow(10, "counters", .repeated(.message("StatusCounter"))),
            FieldRow(11, "removed", .repeated(.string)),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.bool(1, full)
        writer.bool(2, more)
        writer.message(3, component)
        writer.message(4, sessions)
        writer.message(5, attachments)
        writer.message(6, links)
        writer.message(7, tunnels)
        writer.message(8, failures)
        writer.message(9, errors)
        writer.message(10, counters)
        writer.string(11, removed)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: full = try reader.bool(field)
            case 2: more = try reader.bool(field)
            case 3: component = try reader.message(field)
            case 4: sessions.append(try reader.message(field, repeated: true))
            case 5: attachments.append(try reader.message(field, repeated: true))
            case 6: links.append(try reader.message(field, repeated: true))
            case 7: tunnels.append(try reader.message(field, repeated: true))
            case 8: failures.append(try reader.message(field, repeated: true))
            case 9: errors.append(try reader.message(field, repeated: true))
            case 10: counters.append(try reader.message(field, repeated: true))
            case 11: removed.append(try reader.string(field, repeated: true))
            default: break
            }
        }
    }
}
