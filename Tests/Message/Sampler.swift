import Message

/// A message of the vectors only: the kinds that no message of the product uses yet, and itself within itself.
struct Sampler: WireMessage {
    var signed: Int64 = 0
    var double: Double = 0
    var numbers: [UInt32] = []
    var inner: [Sampler] = []

    static let table = MessageTable(
        "Sampler",
        [
            FieldRow(1, "signed", .signed),
            FieldRow(2, "double", .double),
            FieldRow(3, "numbers", .repeated(.unsigned(bits: 32))),
            FieldRow(4, "inner", .repeated(.message("Sampler"))),
        ]
    )

    init() {}

    init(from reader: inout FieldReader) throws(WireError) {
        while let field = try reader.next() {
            switch field.tag {
            case 1: signed = try reader.signed(field)
            case 2: double = try reader.double(field)
            case 3: numbers.append(try reader.unsigned(field, repeated: true))
            case 4: inner.append(try reader.message(field, repeated: true))
            default: break
            }
        }
    }

    func encode(to writer: inout FieldWriter) {
        writer.signed(1, signed)
        writer.double(2, double)
        writer.unsigned(3, numbers)
        writer.message(4, inner)
    }
}
