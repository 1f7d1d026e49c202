/// A workstation wants a connection to a port of a pod; answered by RequestResult, and passed on to the agent.
package struct PodPortRequest: WireMessage {
    /// Named in the answer.
    package var requestID: String
    /// Whose pod.
    package var attachmentID: String
    /// The session that it belongs to: the manager fills it in.
    package var sessionID: String
    /// Named by the tunnel that the agent opens, as `tp-ticket`; to be guessed by nobody.
    package var ticket: String
    /// The port, on the pod's loopback address.
    package var port: UInt16
    /// How it is spoken to.
    package var `protocol`: PortProtocol
    /// Counts what was tried in vain for this connection: another agent is asked each time.
    package var attempt: UInt32

    package init(
        requestID: String = "",
        attachmentID: String = "",
        sessionID: String = "",
        ticket: String = "",
        port: UInt16 = 0,
        protocol: PortProtocol = .unknown,
        attempt: UInt32 = 0
    ) {
        self.requestID = requestID
        self.attachmentID = attachmentID
        self.sessionID = sessionID
        self.ticket = ticket
        self.port = port
        self.protocol = `protocol`
        self.attempt = attempt
    }

    /// Every field at its default.
    package init() {
        self.init(requestID: "")
    }

    package static let table = MessageTable(
        "PodPortRequest",
        [
            FieldRow(1, "request_id", .string),
            FieldRow(2, "attachment_id", .string),
            FieldRow(3, "session_id", .string),
            FieldRow(4, "ticket", .string),
            FieldRow(5, "port", .unsigned(bits: 16)),
            FieldRow(6, "protocol", .enumeration("PortProtocol")),
            FieldRow(7, "attempt", .unsigned(bits: 32)),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, requestID)
        writer.string(2, attachmentID)
        writer.string(3, sessionID)
        writer.string(4, ticket)
        writer.unsigned(5, port)
        writer.enumeration(6, `protocol`)
        writer.unsigned(7, attempt)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: requestID = try reader.string(field)
            case 2: attachmentID = try reader.string(field)
            case 3: sessionID = try reader.string(field)
            case 4: ticket = try reader.string(field)
            case 5: port = try reader.unsigned(field)
            case 6: `protocol` = try reader.enumeration(field)
            case 7: attempt = try reader.unsigned(field)
            default: break
            }
        }
    }
}
