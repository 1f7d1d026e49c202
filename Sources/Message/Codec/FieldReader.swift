/// Reads the fields of a message.
///
/// Every length is checked before anything is taken from it.
/// `next()` gives the head of each field; a value is then read by the method for its kind, or not at all, which skips
/// it. Tags must not descend, so the second occurrence of a singular field shows at once.
package struct FieldReader: Sendable {
    /// Head of a field: its tag, and where its bytes are.
    package struct Field: Sendable {
        /// Number of the field.
        package let tag: UInt64
        fileprivate let start: Int
        fileprivate let end: Int
        fileprivate let isRepetition: Bool
    }

    private let source: [UInt8]
    private var position: Int
    private let end: Int
    private let depth: Int
    private var previousTag: UInt64 = 0
    private var previousKey: String?
    private var choiceMade = false

    package init(_ source: [UInt8]) {
        self.init(source, from: 0, to: source.count, depth: 1)
    }

    private init(_ source: [UInt8], from start: Int, to end: Int, depth: Int) {
        self.source = source
        self.position = start
        self.end = end
        self.depth = depth
    }

    /// The next field, or nil at the end.
    package mutating func next() throws(WireError) -> Field? {
        guard position < end else { return nil }
        let tag = try varint(before: end)
        guard tag > 0, tag <= UInt64(UInt32.max) else { throw .badTag }
        guard tag >= previousTag else { throw .tagsOutOfOrder }
        let length = try varint(before: end)
        guard length <= UInt64(end - position) else { throw .truncated }
        let start = position
        position += Int(length)
        defer { previousTag = tag }
        return Field(tag: tag, start: start, end: position, isRepetition: tag == previousTag)
    }

    package func unsigned<Number: FixedWidthInteger & UnsignedInteger>(
        _ field: Field,
        repeated: Bool = false
    ) throws(WireError) -> Number {
        guard let number = Number(exactly: try scalar(field, repeated)) else { throw .outOfRange }
        return number
    }

    package func signed(_ field: Field, repeated: Bool = false) throws(WireError) -> Int64 {
        let bits = try scalar(field, repeated)
        return Int64(bitPattern: bits >> 1) ^ -Int64(bitPattern: bits & 1)
    }

    package func bool(_ field: Field, repeated: Bool = false) throws(WireError) -> Bool {
        let bits = try scalar(field, repeated)
        guard bits <= 1 else { throw .outOfRange }
        return bits == 1
    }

    package func double(_ field: Field, repeated: Bool = false) throws(WireError) -> Double {
        try check(field, repeated)
        guard field.end - field.start == 8 else { throw .badLength }
        var bits: UInt64 = 0
        for index in field.start..<field.end { bits = bits << 8 | UInt64(source[index]) }
        return Double(bitPattern: bits)
    }

    /// A number that this version does not know reads as `unknown`.
    package func enumeration<Value: WireEnumeration>(
        _ field: Field,
        repeated: Bool = false
    ) throws(WireError) -> Value {
        Value(rawValue: try scalar(field, repeated)) ?? .unknown
    }

    package func string(_ field: Field, repeated: Bool = false) throws(WireError) -> String {
        try check(field, repeated)
        guard let text = String(validating: source[field.start..<field.end], as: UTF8.self) else { throw .badUTF8 }
        return text
    }

    package func bytes(_ field: Field, repeated: Bool = false) throws(WireError) -> [UInt8] {
        try check(field, repeated)
        return Array(source[field.start..<field.end])
    }

    package func message<Value: WireMessage>(_ field: Field, repeated: Bool = false) throws(WireError) -> Value {
        try check(field, repeated)
        var inner = try nested(field)
        return try Value(from: &inner)
    }

    /// The field of a choice: there must be no other.
    package mutating func choice<Value: WireMessage>(_ field: Field) throws(WireError) -> Value {
        guard !choiceMade else { throw .severalChoices }
        choiceMade = true
        return try message(field)
    }

    /// One entry of a map; keys ascend by their bytes.
    package mutating func mapEntry(_ field: Field, into map: inout [String: String]) throws(WireError) {
        var inner = try nested(field)
        var key = ""
        var value = ""
        while let part = try inner.next() {
            switch part.tag {
            case 1: key = try inner.string(part)
            case 2: value = try inner.string(part)
            default: break
            }
        }
        if field.isRepetition, let previousKey {
            guard previousKey.utf8.lexicographicallyPrecedes(key.utf8) else { throw .mapKeysOutOfOrder }
        }
        previousKey = key
        map[key] = value
    }

    private func nested(_ field: Field) throws(WireError) -> FieldReader {
        guard depth < WireLimits.maximumDepth else { throw .tooDeep }
        return FieldReader(source, from: field.start, to: field.end, depth: depth + 1)
    }

    private func check(_ field: Field, _ repeated: Bool) throws(WireError) {
        guard repeated || !field.isRepetition else { throw .repeatedField }
    }

    private func scalar(_ field: Field, _ repeated: Bool) throws(WireError) -> UInt64 {
        try check(field, repeated)
        guard field.start < field.end else { throw .badLength }
        var inner = FieldReader(source, from: field.start, to: field.end, depth: depth)
        let value = try inner.varint(before: field.end)
        guard inner.position == field.end else { throw .badLength }
        return value
    }

    private mutating func varint(before limit: Int) throws(WireError) -> UInt64 {
        var value: UInt64 = 0
        var shift: UInt64 = 0
        while position < limit {
            let byte = source[position]
            position += 1
            let bits = UInt64(byte & 0x7F)
            guard shift < 63 || (shift == 63 && bits <= 1) else { throw .varintTooLarge }
            value |= bits << shift
            if byte & 0x80 == 0 {
                guard byte != 0 || shift == 0 else { throw .varintNotMinimal }
                return value
            }
            shift += 7
        }
        throw .truncated
    }
}
