/// A netlink message being written: header, fixed part, attributes.
///
/// Integers are in host order unless said otherwise.
package struct NetlinkMessage: Sendable {
    /// Header flags (linux/netlink.h).
    package struct Flags: OptionSet, Sendable {
        package let rawValue: UInt16
        package init(rawValue: UInt16) { self.rawValue = rawValue }
        package static let request = Flags(rawValue: 0x1)
        package static let acknowledge = Flags(rawValue: 0x4)
        package static let dump = Flags(rawValue: 0x300)
        package static let replace = Flags(rawValue: 0x100)
        package static let exclusive = Flags(rawValue: 0x200)
        package static let create = Flags(rawValue: 0x400)
        package static let append = Flags(rawValue: 0x800)
    }

    private(set) package var bytes: [UInt8]

    /// Starts a message of a type; sequence number and length are filled in when it is sent.
    package init(type: UInt16, flags: Flags) {
        bytes = []
        bytes.reserveCapacity(256)
        append(UInt32(0))
        append(type)
        append(flags.rawValue)
        append(UInt32(0))
        append(UInt32(0))
    }

    /// The bytes with length and sequence number filled in.
    package func finished(sequence: UInt32) -> [UInt8] {
        var done = bytes
        NetlinkMessage.store(UInt32(done.count), in: &done, at: 0)
        NetlinkMessage.store(sequence, in: &done, at: 8)
        return done
    }

    /// Adds an integer in host order.
    package mutating func append(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value) { bytes.append(contentsOf: $0) }
    }

    /// Adds an attribute, padded to four bytes.
    package mutating func attribute(_ type: UInt16, _ payload: some Collection<UInt8>) {
        append(UInt16(truncatingIfNeeded: payload.count + 4))
        append(type)
        bytes.append(contentsOf: payload)
        pad()
    }

    /// Adds an integer attribute in host order.
    package mutating func attribute(_ type: UInt16, host value: some FixedWidthInteger) {
        attribute(type, withUnsafeBytes(of: value) { Array($0) })
    }

    /// Adds an integer attribute in network order.
    package mutating func attribute(_ type: UInt16, network value: some FixedWidthInteger) {
        attribute(type, host: value.bigEndian)
    }

    /// Adds a zero-terminated string.
    package mutating func attribute(_ type: UInt16, string: String) {
        attribute(type, Array(string.utf8) + [0])
    }

    /// Adds an attribute that holds the attributes which the body adds.
    package mutating func nested(_ type: UInt16, _ body: (inout NetlinkMessage) -> Void) {
        let start = bytes.count
        append(UInt16(0))
        append(type | 0x8000)
        body(&self)
        NetlinkMessage.store(UInt16(truncatingIfNeeded: bytes.count - start), in: &bytes, at: start)
        pad()
    }

    private mutating func pad() {
        while bytes.count % 4 != 0 { bytes.append(0) }
    }

    private static func store(_ value: some FixedWidthInteger, in bytes: inout [UInt8], at offset: Int) {
        withUnsafeBytes(of: value) { raw in
            for (index, byte) in raw.enumerated() { bytes[offset + index] = byte }
        }
    }
}
