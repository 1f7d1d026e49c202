/// How often tunnels of one direction were opened.
package struct TunnelStatus: WireMessage {
    /// Which: served, opened, relayed.
    package var id: String
    /// Tunnels that came about.
    package var opened: UInt64
    /// Tunnels that did not.
    package var failed: UInt64
    /// Failures by reason: refused, unreachable, timeout, policy, link-lost or failed.
    package var reasons: [StatusCounter]

    package init(
        id: String = "",
        opened: UInt64 = 0,
        failed: UInt64 = 0,
        reasons: [StatusCounter] = []
    ) {
        self.id = id
        self.opened = opened
        self.failed = failed
        self.reasons = reasons
    }

    /// Every field at its default.
    package init() {
        self.init(id: "")
    }

    package static let table = MessageTable(
        "TunnelStatus",
        [
            FieldRow(1, "id", .string),
            FieldRow(2, "opened", .unsigned(bits: 64)),
            FieldRow(3, "failed", .unsigned(bits: 64)),
            FieldRow(4, "reasons", .repeated(.message("StatusCounter"))),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, id)
        writer.unsigned(2, opened)
        writer.unsigned(3, failed)
        writer.message(4, reasons)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: id = try reader.string(field)
            case 2: opened = try reader.unsigned(field)
            case 3: failed = try reader.unsigned(field)
            case 4: reasons.append(try reader.message(field, repeated: true))
            default: break
            }
        }
    }
}
