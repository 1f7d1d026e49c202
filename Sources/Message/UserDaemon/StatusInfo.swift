/// What the user daemon is doing.
package struct StatusInfo: WireMessage {
    /// Version of the daemon.
    package var version: String
    /// Its process.
    package var pid: UInt32
    /// connected, connecting, reconnecting or disconnected.
    package var state: String
    /// The connection, if there is one.
    package var connection: ConnectionInfo?
    /// The attachments of the connection.
    package var attachments: [Attachment]
    /// The root daemon, if it answers.
    package var rootDaemon: RootStatus?
    /// What went wrong last.
    package var error: String
    /// Last measured round trip to the manager in microseconds; 0 if unknown.
    package var roundTripMicroseconds: UInt64
    /// Bytes received from the manager.
    package var bytesIn: UInt64
    /// Bytes sent to the manager.
    package var bytesOut: UInt64
    /// The links to the cluster.
    package var links: [LinkStatus]
    /// Which way each attachment's traffic takes.
    package var ways: [AttachmentWay]

    package init(
        version: String = "",
        pid: UInt32 = 0,
        state: String = "",
        connection: ConnectionInfo? = nil,
        attachments: [Attachment] = [],
        rootDaemon: RootStatus? = nil,
        error: String = "",
        roundTripMicroseconds: UInt64 = 0,
        bytesIn: UInt64 = 0,
        bytesOut: UInt64 = 0,
        links: [LinkStatus] = [],
        ways: [AttachmentWay] = []
    ) {
        self.version = version
        self.pid = pid
        self.state = state
        self.connection = connection
        self.attachments = attachments
        self.rootDaemon = rootDaemon
        self.error = error
        self.roundTripMicroseconds = roundTripMicroseconds
        self.bytesIn = bytesIn
        self.bytesOut = bytesOut
        self.links = links
        self.ways = ways
    }

    /// Every field at its default.
    package init() {
        self.init(version: "")
    }

    package static let table = MessageTable(
        "StatusInfo",
        [
            FieldRow(1, "version", .string),
            FieldRow(2, "pid", .unsigned(bits: 32)),
            FieldRow(3, "state", .string),
            FieldRow(4, "connection", .optional(.message("ConnectionInfo"))),
            FieldRow(5, "attachments", .repeated(.message("Attachment"))),
            FieldRow(6, "root_daemon", .optional(.message("RootStatus"))),
            FieldRow(7, "error", .string),
            FieldRow(8, "round_trip_us", .unsigned(bits: 64)),
            FieldRow(9, "bytes_in", .unsigned(bits: 64)),
            FieldRow(10, "bytes_out", .unsigned(bits: 64)),
            FieldRow(20, "links", .repeated(.message("LinkStatus"))),
            FieldRow(24, "ways", .repeated(.message("AttachmentWay"))),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, version)
        writer.unsigned(2, pid)
        writer.string(3, state)
        writer.message(4, connection)
        writer.message(5, attachments)
        writer.message(6, rootDaemon)
        writer.string(7, error)
        writer.unsigned(8, roundTripMicroseconds)
        writer.unsigned(9, bytesIn)
        writer.unsigned(10, bytesOut)
        writer.message(20, links)
        writer.message(24, ways)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: version = try reader.string(field)
            case 2: pid = try reader.unsigned(field)
            case 3: state = try reader.string(field)
            case 4: connection = try reader.message(field)
            case 5: attachments.append(try reader.message(field, repeated: true))
            case 6: rootDaemon = try reader.message(field)
            case 7: error = try reader.string(field)
            case 8: roundTripMicroseconds = try reader.unsigned(field)
            case 9: bytesIn = try reader.unsigned(field)
            case 10: bytesOut = try reader.unsigned(field)
            case 20: links.append(try reader.message(field, repeated: true))
            case 24: ways.append(try reader.message(field, repeated: true))
            default: break
            }
        }
    }
}
