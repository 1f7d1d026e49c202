/// A message of `proto-spec/messages.md`: a value that knows its own fields.
///
/// The encoding of a value is unique: fields ascend by tag, and a field at its default is not written. Decoding never
/// traps, whatever the bytes, and allocates no more than a small multiple of their number.
package protocol WireMessage: Sendable, Equatable {
    /// The fields, as `proto-spec/messages.md` states them.
    static var table: MessageTable { get }

    /// Every field at its default.
    init()

    /// Reads fields until the reader is at its end.
    init(from reader: inout FieldReader) throws(WireError)

    /// Writes the fields in the order of their tags.
    func encode(to writer: inout FieldWriter)
}

extension WireMessage {
    /// The message as bytes.
    package func encoded() -> [UInt8] {
        var writer = FieldWriter()
        encode(to: &writer)
        return writer.output
    }

    /// Decodes the whole of `bytes`.
    package init(decoding bytes: [UInt8]) throws(WireError) {
        guard bytes.count <= WireLimits.maximumMessageLength else { throw .tooLarge }
        var reader = FieldReader(bytes)
        try self.init(from: &reader)
    }
}
