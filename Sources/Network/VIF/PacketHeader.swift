/// Where things are in a packet, checked against its length: every offset that a value of this type names is inside.
struct PacketHeader {
    /// Why a packet is not taken.
    enum Fault: UInt8 {
        case none
        /// Too short, or lengths that contradict each other.
        case malformed
        /// A fragment: its ports may be elsewhere.
        case fragment
        /// A protocol that the interface does not carry.
        case unsupported
    }

    static let tcp: UInt8 = 6
    static let udp: UInt8 = 17

    /// Addresses and ports.
    ///
    /// Ports are 0 for ICMP.
    var key = FlowKey()

    /// IP protocol number: 6, 17, 1 or 58.
    var transport: UInt8 = 0

    /// Offset of the transport header from the start of the IP header.
    var transportOffset = 0

    /// Offset of the payload from the start of the IP header.
    var payloadOffset = 0

    /// Length of the packet according to its IP header.
    var totalLength = 0

    /// TCP flags; 0 for others.
    var flags: UInt8 = 0

    @inline(__always)
    private static func load16(_ base: UnsafeRawPointer, _ offset: Int) -> UInt16 {
        UInt16(bigEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt16.self))
    }

    @inline(__always)
    private static func load32(_ base: UnsafeRawPointer, _ offset: Int) -> UInt32 {
        UInt32(bigEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt32.self))
    }

    @inline(__always)
    private static func load64(_ base: UnsafeRawPointer, _ offset: Int) -> UInt64 {
        UInt64(bigEndian: base.loadUnaligned(fromByteOffset: offset, as: UInt64.self))
    }

    /// Reads the headers of the `count` bytes at `base`, which start with the IP header.
    ///
    /// `segmented` says that the packet stands for several (GSO), whose UDP length field is not to be trusted.
    @inline(__always)
    mutating func parse(_ base: UnsafeRawPointer, _ count: Int, segmented: Bool) -> Fault {
        guard count >= 20 else { return .malformed }
        switch base.load(as: UInt8.self) >> 4 {
        case 4:
            let headerLength = Int(base.load(as: UInt8.self) & 0xf) &* 4
            totalLength = Int(PacketHeader.load16(base, 2))
            guard headerLength >= 20, headerLength <= totalLength, totalLength <= count else { return .malformed }
            guard PacketHeader.load16(base, 6) & 0x3fff == 0 else { return .fragment }
            transport = base.load(fromByteOffset: 9, as: UInt8.self)
            transportOffset = headerLength
            key.version = 4
            key.sourceHigh = 0
            key.destinationHigh = 0
            key.sourceLow = UInt64(PacketHeader.load32(base, 12))
            key.destinationLow = UInt64(PacketHeader.load32(base, 16))
        case 6:
            guard count >= 40 else { return .malformed }
            totalLength = Int(PacketHeader.load16(base, 4)) &+ 40
            guard totalLength <= count else { return .malformed }
            transport = base.load(fromByteOffset: 6, as: UInt8.self)
            guard transport != 44 else { return .fragment }
            transportOffset = 40
            key.version = 6
            key.sourceHigh = PacketHeader.load64(base, 8)
            key.sourceLow = PacketHeader.load64(base, 16)
            key.destinationHigh = PacketHeader.load64(base, 24)
            key.destinationLow = PacketHeader.load64(base, 32)
        default:
            return .malformed
        }
        return parseTransport(base, segmented: segmented)
    }

    @inline(__always)
    private mutating func parseTransport(_ base: UnsafeRawPointer, segmented: Bool) -> Fault {
        switch transport {
        case PacketHeader.tcp:
            guard transportOffset &+ 20 <= totalLength else { return .malformed }
            let headerLength = Int(base.load(fromByteOffset: transportOffset &+ 12, as: UInt8.self) >> 4) &* 4
            guard headerLength >= 20, transportOffset &+ headerLength <= totalLength else { return .malformed }
            payloadOffset = transportOffset &+ headerLength
            flags = base.load(fromByteOffset: transportOffset &+ 13, as: UInt8.self)
            key.ports = PacketHeader.load32(base, transportOffset)
        case PacketHeader.udp:
            guard transportOffset &+ 8 <= totalLength else { return .malformed }
            payloadOffset = transportOffset &+ 8
            key.ports = PacketHeader.load32(base, transportOffset)
            flags = 0
            guard !segmented else { return .none }
            let length = Int(PacketHeader.load16(base, transportOffset &+ 4))
            guard length >= 8, transportOffset &+ length <= totalLength else { return .malformed }
            totalLength = transportOffset &+ length
        case 1, 58:
            guard transportOffset &+ 8 <= totalLength else { return .malformed }
            payloadOffset = transportOffset &+ 8
            key.ports = 0
            flags = 0
        default:
            return .unsupported
        }
        return .none
    }

    /// The TCP sequence number.
    func sequence(_ base: UnsafeRawPointer) -> UInt32 { PacketHeader.load32(base, transportOffset &+ 4) }

    /// The TCP acknowledgement number.
    func acknowledgement(_ base: UnsafeRawPointer) -> UInt32 { PacketHeader.load32(base, transportOffset &+ 8) }
}
