/// One HTTP/2 connection of the answering component.
package struct LinkStatus: WireMessage {
    /// Identifier, unique in the component.
    package var id: String
    /// What is on the other side.
    package var peer: String
    /// Session that it belongs to, if any.
    package var sessionID: String
    /// How it gets there: port-forward, direct, tls or unix.
    package var transport: String
    /// client or server: who opens streams.
    package var role: String
    /// Last round trip measured by PING in microseconds; 0 if unknown.
    package var roundTripMicroseconds: UInt64
    /// Bytes received.
    package var bytesIn: UInt64
    /// Bytes sent.
    package var bytesOut: UInt64
    /// Streams open at present.
    package var streams: UInt32
    /// When it began, in milliseconds since 1970.
    package var opened: UInt64

    package init(
        id: String = "",
        peer: String = "",
        sessionID: String = "",
        transport: String = "",
        role: String = "",
        roundTripMicroseconds: UInt64 = 0,
        bytesIn: UInt64 = 0,
        bytesOut: UInt64 = 0,
        streams: UInt32 = 0,
        opened: UInt64 = 0
    ) {
        self.id = id
        self.peer = peer
        self.sessionID = sessionID
        self.transport = transport
        self.role = role
        self.roundTripMicroseconds = roundTripMicroseconds
        self.bytesIn = bytesIn
        self.bytesOut = bytesOut
        self.streams = streams
        self.opened = opened
    }

    /// Every field at its default.
    package init() {
        self.init(id: "")
    }

    package static let table = MessageTable(
        "LinkStatus",
        [
            FieldRow(1, "id", .string),
            FieldRow(2, "peer", .string),
            FieldRow(3, "session_id", .string),
            FieldRow(4, "transport", .string),
            FieldRow(5, "role", .string),
            FieldRow(6, "round_trip_us", .unsigned(bits: 64)),
            FieldRow(7, "bytes_in", .unsigned(bits: 64)),
            FieldRow(8, "bytes_out", .unsigned(bits: 64)),
            FieldRow(9, "streams", .unsigned(bits: 32)),
            FieldRow(10, "opened", .unsigned(bits: 64)),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, id)
        writer.string(2, peer)
        writer.string(3, sessionID)
        writer.string(4, transport)
        writer.string(5, role)
        writer.unsigned(6, roundTripMicroseconds)
        writer.unsigned(7, bytesIn)
        writer.unsigned(8, bytesOut)
        writer.unsigned(9, streams)
        writer.unsigned(10, opened)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: id = try reader.string(field)
            case 2: peer = try reader.string(field)
            case 3: sessionID = try reader.string(field)
            case 4: transport = try reader.string(field)
            case 5: role = try reader.string(field)
            case 6: roundTripMicroseconds = try reader.unsigned(field)
            case 7: bytesIn = try reader.unsigned(field)
            case 8: bytesOut = try reader.unsigned(field)
            case 9: streams = try reader.unsigned(field)
            case 10: opened = try reader.unsigned(field)
            default: break
            }
        }
    }
}
