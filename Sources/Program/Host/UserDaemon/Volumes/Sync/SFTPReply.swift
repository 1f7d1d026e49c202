/// What an SFTP server answers: see `SFTPRequest`.
enum SFTPReply: Equatable {
    /// What is known of a file.
    struct Attributes: Equatable {
        var size: UInt64 = 0
        /// The kind (`S_IFMT`) and the permissions.
        var mode: UInt32 = 0
        /// Seconds since 1970.
        var modified: UInt32 = 0
    }

    struct Name: Equatable {
        /// Nil when the name is no UTF-8.
        var text: String?
        var attributes: Attributes
    }

    case version(UInt32)
    /// 0 is success.
    case status(UInt32, String)
    case handle([UInt8])
    case data([UInt8])
    case names([Name])
    case attributes(Attributes)

    /// The status of what has come to its end.
    static let end: UInt32 = 1
    /// The status of what is not there.
    static let missing: UInt32 = 2
    /// The longest packet that a server may send, in bytes.
    static let longest = 1 << 19

    /// Reads a packet without its length; nil when it is none of these.
    static func parse(_ packet: ArraySlice<UInt8>) -> (id: UInt32, reply: SFTPReply)? {
        var reader = Reader(rest: packet)
        guard let kind = reader.byte(), let id = reader.number() else { return nil }
        switch kind {
        case 2: return (0, .version(id))
        case 101:
            guard let code = reader.number() else { return nil }
            // Old servers say no more.
            return (id, .status(code, reader.string().map { String(decoding: $0, as: UTF8.self) } ?? ""))
        case 102: return reader.string().map { (id, .handle(Array($0))) }
        case 103: return reader.string().map { (id, .data(Array($0))) }
        case 104:
            guard let count = reader.number() else { return nil }
            var names: [Name] = []
            for _ in 0..<count {
                guard let name = reader.string(), reader.string() != nil, let attributes = reader.attributes() else {
                    return nil
                }
                names.append(Name(text: String(validating: name, as: UTF8.self), attributes: attributes))
            }
            return (id, .names(names))
        case 105: return reader.attributes().map { (id, .attributes($0)) }
        default: return nil
        }
    }

    private struct Reader {
        var rest: ArraySlice<UInt8>

        mutating func byte() -> UInt8? { rest.popFirst() }

        mutating func number() -> UInt32? {
            guard rest.count >= 4 else { return nil }
            defer { rest = rest.dropFirst(4) }
            return rest.prefix(4).reduce(0) { $0 << 8 | UInt32($1) }
        }

        mutating func string() -> ArraySlice<UInt8>? {
            guard let count = number(), rest.count >= Int(count) else { return nil }
            defer { rest = rest.dropFirst(Int(count)) }
            return rest.prefix(Int(count))
        }

        mutating func attributes() -> Attributes? {
            var attributes = Attributes()
            guard let flags = number() else { return nil }
            if flags & 1 != 0 {
                guard let high = number(), let low = number() else { return nil }
                attributes.size = UInt64(high) << 32 | UInt64(low)
            }
            if flags & 2 != 0 { guard number() != nil, number() != nil else { return nil } }
            if flags & 4 != 0 {
                guard let mode = number() else { return nil }
                attributes.mode = mode
            }
            if flags & 8 != 0 {
                guard number() != nil, let modified = number() else { return nil }
                attributes.modified = modified
            }
            if flags & 0x8000_0000 != 0 {
                guard let count = number() else { return nil }
                for _ in 0..<count { guard string() != nil, string() != nil else { return nil } }
            }
            return attributes
        }
    }
}
