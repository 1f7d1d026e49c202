/// What the root daemon is doing.
package struct RootStatus: WireMessage {
    /// Version of the daemon.
    package var version: String
    /// Its process.
    package var pid: UInt32
    /// Name of the virtual interface; empty if there is none.
    package var interface: String
    /// Prefixes that are routed to it.
    package var routes: [String]
    /// How cluster names reach the user daemon.
    package var dnsHook: String
    /// Process of the user daemon that it serves; 0 if none.
    package var ownerPID: UInt32

    package init(
        version: String = "",
        pid: UInt32 = 0,
        interface: String = "",
        routes: [String] = [],
        dnsHook: String = "",
        ownerPID: UInt32 = 0
    ) {
        self.version = version
        self.pid = pid
        self.interface = interface
        self.routes = routes
        self.dnsHook = dnsHook
        self.ownerPID = ownerPID
    }

    /// Every field at its default.
    package init() {
        self.init(version: "")
    }

    package static let table = MessageTable(
        "RootStatus",
        [
            FieldRow(1, "version", .string),
            FieldRow(2, "pid", .unsigned(bits: 32)),
            FieldRow(3, "interface", .string),
            FieldRow(4, "routes", .repeated(.string)),
            FieldRow(5, "dns_hook", .string),
            FieldRow(6, "owner_pid", .unsigned(bits: 32)),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, version)
        writer.unsigned(2, pid)
        writer.string(3, interface)
        writer.string(4, routes)
        writer.string(5, dnsHook)
        writer.unsigned(6, ownerPID)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: version = try reader.string(field)
            case 2: pid = try reader.unsigned(field)
            case 3: interface = try reader.string(field)
            case 4: routes.append(try reader.string(field, repeated: true))
            case 5: dnsHook = try reader.string(field)
            case 6: ownerPID = try reader.unsigned(field)
            default: break
            }
        }
    }
}
