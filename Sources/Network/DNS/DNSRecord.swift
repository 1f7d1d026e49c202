/// A resource record.
///
/// Names inside `data` are uncompressed.
package struct DNSRecord: Hashable, Sendable {
    package var name: DNSName
    package var type: UInt16
    package var classCode: UInt16
    /// Seconds.
    package var lifetime: UInt32
    package var data: [UInt8]

    package init(_ name: DNSName, type: UInt16, classCode: UInt16 = 1, lifetime: UInt32, data: [UInt8]) {
        self.name = name
        self.type = type
        self.classCode = classCode
        self.lifetime = lifetime
        self.data = data
    }

    /// Reads a record; `offset` moves behind it.
    ///
    /// Nil when it is broken.
    static func read(_ bytes: [UInt8], at offset: inout Int) -> DNSRecord? {
        guard let name = DNSName.read(bytes, at: &offset), offset + 10 <= bytes.count else { return nil }
        let type = bytes.network16(offset)
        let classCode = bytes.network16(offset + 2)
        let lifetime = UInt32(bytes.network16(offset + 4)) << 16 | UInt32(bytes.network16(offset + 6))
        let length = Int(bytes.network16(offset + 8))
        let start = offset + 10
        guard start + length <= bytes.count else { return nil }
        offset = start + length
        guard let data = expanded(bytes, type: type, start: start, end: offset) else { return nil }
        return DNSRecord(name, type: type, classCode: classCode, lifetime: lifetime, data: data)
    }

    /// The record's data with the names of the types that may be compressed (RFC 3597, 4) written out.
    private static func expanded(_ bytes: [UInt8], type: UInt16, start: Int, end: Int) -> [UInt8]? {
        let head: Int
        let names: Int
        switch type {
        case 2, 5, 12: (head, names) = (0, 1)
        case 6: (head, names) = (0, 2)
        case 15: (head, names) = (2, 1)
        case 33: (head, names) = (6, 1)
        default: return Array(bytes[start..<end])
        }
        guard start + head <= end else { return nil }
        var data = Array(bytes[start..<(start + head)])
        var position = start + head
        for _ in 0..<names {
            guard let name = DNSName.read(bytes, at: &position), position <= end else { return nil }
            data += name.wire
        }
        return data + bytes[position..<end]
    }
}

extension [UInt8] {
    /// A 16-bit number in network order; the caller has checked that it is there.
    func network16(_ offset: Int) -> UInt16 {
        UInt16(self[offset]) << 8 | UInt16(self[offset + 1])
    }

    mutating func appendNetwork(_ value: some FixedWidthInteger) {
        Swift.withUnsafeBytes(of: value.bigEndian) { append(contentsOf: $0) }
    }
}
