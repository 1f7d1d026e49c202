/// Writes the fields of a message: `tag (varint) length (varint) bytes`.
///
/// The caller writes in the order of the tags. A singular field at its default is left out; an optional one that is
/// present, and each element of a repeated one, is always written.
package struct FieldWriter: Sendable {
    /// What has been written so far.
    package private(set) var output: [UInt8] = []

    package init() {}

    package mutating func unsigned(_ tag: UInt64, _ value: some FixedWidthInteger & UnsignedInteger) {
        guard value != 0 else { return }
        scalar(tag, varint: UInt64(value))
    }

    package mutating func unsigned(_ tag: UInt64, _ values: [some FixedWidthInteger & UnsignedInteger]) {
        for value in values { scalar(tag, varint: UInt64(value)) }
    }

    package mutating func signed(_ tag: UInt64, _ value: Int64) {
        guard value != 0 else { return }
        scalar(tag, varint: UInt64(bitPattern: (value << 1) ^ (value >> 63)))
    }

    package mutating func bool(_ tag: UInt64, _ value: Bool) {
        guard value else { return }
        scalar(tag, varint: 1)
    }

    /// Minus zero is not the default: it is written.
    package mutating func double(_ tag: UInt64, _ value: Double) {
        let bits = value.bitPattern
        guard bits != 0 else { return }
        head(tag, length: 8)
        for shift in stride(from: 56, through: 0, by: -8) {
            output.append(UInt8(truncatingIfNeeded: bits >> UInt64(shift)))
        }
    }

    package mutating func enumeration(_ tag: UInt64, _ value: some WireEnumeration) {
        unsigned(tag, value.rawValue)
    }

    package mutating func string(_ tag: UInt64, _ value: String) {
        guard !value.isEmpty else { return }
        element(tag, value)
    }

    package mutating func string(_ tag: UInt64, _ values: [String]) {
        for value in values { element(tag, value) }
    }

    package mutating func bytes(_ tag: UInt64, _ value: [UInt8]) {
        guard !value.isEmpty else { return }
        head(tag, length: value.count)
        output.append(contentsOf: value)
    }

    package mutating func message(_ tag: UInt64, _ value: some WireMessage) {
        let inner = value.encoded()
        bytes(tag, inner)
    }

    package mutating func message<Value: WireMessage>(_ tag: UInt64, _ value: Value?) {
        guard let value else { return }
        choice(tag, value)
    }

    package mutating func message(_ tag: UInt64, _ values: [some WireMessage]) {
        for value in values { choice(tag, value) }
    }

    /// The one field of a choice: written even when empty.
    package mutating func choice(_ tag: UInt64, _ value: some WireMessage) {
        let inner = value.encoded()
        head(tag, length: inner.count)
        output.append(contentsOf: inner)
    }

    package mutating func map(_ tag: UInt64, _ value: [String: String]) {
        let entries = value.sorted { $0.key.utf8.lexicographicallyPrecedes($1.key.utf8) }
        for (key, value) in entries {
            var inner = FieldWriter()
            inner.string(1, key)
            inner.string(2, value)
            head(tag, length: inner.output.count)
            output.append(contentsOf: inner.output)
        }
    }

    private mutating func element(_ tag: UInt64, _ value: String) {
        head(tag, length: value.utf8.count)
        output.append(contentsOf: value.utf8)
    }

    private mutating func scalar(_ tag: UInt64, varint value: UInt64) {
        head(tag, length: Self.length(ofVarint: value))
        varint(value)
    }

    private mutating func head(_ tag: UInt64, length: Int) {
        varint(tag)
        varint(UInt64(length))
    }

    private mutating func varint(_ value: UInt64) {
        var rest = value
        while rest >= 0x80 {
            output.append(UInt8(truncatingIfNeeded: rest) | 0x80)
            rest >>= 7
        }
        output.append(UInt8(truncatingIfNeeded: rest))
    }

    private static func length(ofVarint value: UInt64) -> Int {
        max(1, (70 - value.leadingZeroBitCount) / 7)
    }
}
