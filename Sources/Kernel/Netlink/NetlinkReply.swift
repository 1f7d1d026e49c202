/// A received netlink message.
///
/// Reading never traps: what is short or missing reads as nil.
package struct NetlinkReply: Sendable {
    /// The message type.
    package let type: UInt16

    /// The sequence number of the request that it answers.
    package let sequence: UInt32

    /// What follows the header.
    package let payload: ArraySlice<UInt8>

    /// An attribute's type without its flag bits, and its value.
    package struct Attribute: Sendable {
        package let type: UInt16
        package let value: ArraySlice<UInt8>
    }

    /// Splits a datagram into its messages; a broken rest is left out.
    package static func messages(in bytes: [UInt8]) -> [NetlinkReply] {
        var found: [NetlinkReply] = []
        var rest = bytes[...]
        while let length = rest.host(UInt32.self, at: 0), length >= 16, Int(length) <= rest.count,
            let type = rest.host(UInt16.self, at: 4), let sequence = rest.host(UInt32.self, at: 8)
        {
            let end = rest.startIndex + Int(length)
            let payload = rest[(rest.startIndex + 16)..<end]
            found.append(NetlinkReply(type: type, sequence: sequence, payload: payload))
            rest = rest[min(rest.startIndex + (Int(length) + 3) & ~3, rest.endIndex)...]
        }
        return found
    }

    /// The attributes after the fixed part.
    package func attributes(after fixed: Int) -> [Attribute] {
        NetlinkReply.attributes(in: payload.dropFirst(fixed))
    }

    /// The attributes in a range of bytes, such as the value of a nested one.
    package static func attributes(in bytes: ArraySlice<UInt8>) -> [Attribute] {
        var found: [Attribute] = []
        var rest = bytes
        while let length = rest.host(UInt16.self, at: 0), length >= 4, Int(length) <= rest.count,
            let type = rest.host(UInt16.self, at: 2)
        {
            let value = rest[(rest.startIndex + 4)..<(rest.startIndex + Int(length))]
            found.append(Attribute(type: type & 0x3fff, value: value))
            rest = rest[min(rest.startIndex + (Int(length) + 3) & ~3, rest.endIndex)...]
        }
        return found
    }
}

extension ArraySlice<UInt8> {
    /// An integer in host order at a distance from the start; nil when it does not fit.
    package func host<Value: FixedWidthInteger>(_ type: Value.Type, at offset: Int) -> Value? {
        guard offset >= 0, count - offset >= MemoryLayout<Value>.size else { return nil }
        return withUnsafeBytes { $0.loadUnaligned(fromByteOffset: offset, as: Value.self) }
    }

    /// The text up to the first zero byte.
    package var terminatedString: String {
        String(decoding: prefix { $0 != 0 }, as: UTF8.self)
    }
}
