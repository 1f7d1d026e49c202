/// A step of something that takes longer than a moment.
package struct ProgressUpdate: WireMessage {
    /// The `phase` of what the user is to see even when all is over.
    package static let notice = "notice"

    /// The request that it is about; empty outside of a session stream.
    package var requestID: String
    /// Short stable name of the step, for programs.
    package var phase: String
    /// The step in words, for people.
    package var message: String

    package init(
        requestID: String = "",
        phase: String = "",
        message: String = ""
    ) {
        self.requestID = requestID
        self.phase = phase
        self.message = message
    }

    /// Every field at its default.
    package init() {
        self.init(requestID: "")
    }

    package static let table = MessageTable(
        "ProgressUpdate",
        [
            FieldRow(1, "request_id", .string),
            FieldRow(2, "phase", .string),
            FieldRow(3, "message", .string),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, requestID)
        writer.string(2, phase)
        writer.string(3, message)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: requestID = try reader.string(field)
            case 2: phase = try reader.string(field)
            case 3: message = try reader.string(field)
            default: break
            }
        }
    }
}
