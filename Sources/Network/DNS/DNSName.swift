/// A domain name (RFC 1035, 3.1), compared without regard to ASCII case.
package struct DNSName: Hashable, Sendable, CustomStringConvertible {
    /// The labels from the left, lower case, without the root's empty one.
    package let labels: [[UInt8]]

    /// Takes labels of 1 to 63 bytes that together fit into 255; nil otherwise.
    package init?(labels: [[UInt8]]) {
        guard labels.allSatisfy({ !$0.isEmpty && $0.count < 64 }),
            labels.reduce(1, { $0 + $1.count + 1 }) <= 255
        else { return nil }
        self.labels = labels.map { $0.map(DNSName.lowered) }
    }

    /// The root.
    package static let root = DNSName()

    private init() {
        labels = []
    }

    /// From its text form; a final dot makes no difference.
    ///
    /// Escapes are not understood.
    package init?(_ text: some StringProtocol) {
        var text = text[...]
        if text.last == "." { text = text.dropLast() }
        guard !text.isEmpty else {
            self.init(labels: [])
            return
        }
        self.init(labels: text.split(separator: ".", omittingEmptySubsequences: false).map { Array($0.utf8) })
    }

    private static func lowered(_ byte: UInt8) -> UInt8 {
        byte >= 0x41 && byte <= 0x5a ? byte | 0x20 : byte
    }

    /// Whether the name ends in the other's labels, or equals it.
    package func hasSuffix(_ suffix: DNSName) -> Bool {
        labels.count >= suffix.labels.count && labels.suffix(suffix.labels.count).elementsEqual(suffix.labels)
    }

    /// This name followed by another; nil when that is too long.
    package func appending(_ suffix: DNSName) -> DNSName? {
        DNSName(labels: labels + suffix.labels)
    }

    /// Uncompressed bytes of the name.
    package var wire: [UInt8] {
        labels.flatMap { [UInt8($0.count)] + $0 } + [0]
    }

    package var description: String {
        labels.isEmpty ? "." : labels.map { String(decoding: $0, as: UTF8.self) }.joined(separator: ".")
    }
}

extension DNSName {
    /// Reads a name, following compression pointers; `offset` moves behind it.
    ///
    /// Nil when it is broken.
    static func read(_ bytes: borrowing [UInt8], at offset: inout Int) -> DNSName? {
        var labels: [[UInt8]] = []
        var position = offset
        var end: Int?
        // A pointer must point before everything read so far: that ends every chase.
        var floor = offset
        while position < bytes.count {
            let length = Int(bytes[position])
            switch length & 0xc0 {
            case 0:
                guard length > 0 else {
                    offset = end ?? position + 1
                    return DNSName(labels: labels)
                }
                guard position + 1 + length <= bytes.count, labels.count < 128 else { return nil }
                labels.append(Array(bytes[(position + 1)..<(position + 1 + length)]))
                position += 1 + length
            case 0xc0:
                guard position + 1 < bytes.count else { return nil }
                if end == nil { end = position + 2 }
                let target = (length & 0x3f) << 8 | Int(bytes[position + 1])
                guard target < floor else { return nil }
                floor = target
                position = target
            default:
                return nil
            }
        }
        return nil
    }
}
