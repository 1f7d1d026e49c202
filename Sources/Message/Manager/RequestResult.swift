/// How a request ended.
package struct RequestResult: WireMessage {
    /// The request.
    package var requestID: String
    /// A call status code; 0 is success.
    package var code: UInt32
    /// Why it failed, for people.
    package var message: String
    /// The attachment, when one was made.
    package var attachment: Attachment?

    package init(
        requestID: String = "",
        code: UInt32 = 0,
        message: String = "",
        attachment: Attachment? = nil
    ) {
        self.requestID = requestID
        self.code = code
        self.message = message
        self.attachment = attachment
    }

    /// Every field at its default.
    package init() {
        self.init(requestID: "")
    }

    package static let table = MessageTable(
        "RequestResult",
        [
            FieldRow(1, "request_id", .string),
            FieldRow(2, "code", .unsigned(bits: 32)),
            FieldRow(3, "message", .string),
            FieldRow(4, "attachment", .optional(.message("Attachment"))),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, requestID)
        writer.unsigned(2, code)
        writer.string(3, message)
        writer.message(4, attachment)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: requestID = try reader.string(field)
            case 2: code = try reader.unsigned(field)
            case 3: message = try reader.string(field)
            case 4: attachment = try reader.message(field)
            default: break
            }
        }
    }
}
