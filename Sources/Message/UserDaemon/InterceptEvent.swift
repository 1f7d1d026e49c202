/// A step of attaching, or its end.
///
/// Exactly one of its fields is present.
package enum InterceptEvent: WireMessage {
    /// None of the fields that this version knows; a receiver ignores it.
    case unknown
    /// A step.
    case progress(ProgressUpdate)
    /// It is active.
    case attachment(Attachment)

    package static let table = MessageTable(
        "InterceptEvent",
        choice: true,
        [
            FieldRow(1, "progress", .message("ProgressUpdate")),
            FieldRow(2, "attachment", .message("Attachment")),
        ]
    )

    package init() {
        self = .unknown
    }

    package func encode(to writer: inout FieldWriter) {
        switch self {
        case .unknown: break
        case .progress(let value): writer.choice(1, value)
        case .attachment(let value): writer.choice(2, value)
        }
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self = .unknown
        while let field = try reader.next() {
            switch field.tag {
            case 1: self = .progress(try reader.choice(field))
            case 2: self = .attachment(try reader.choice(field))
            default: break
            }
        }
    }
}
