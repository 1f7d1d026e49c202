/// Packets that the interface itself sends to programs.
///
/// Each begins with an empty `virtio_net_hdr`.
enum PacketBuilder {
    /// Bytes of the `virtio_net_hdr`.
    static let prefix = 10

    /// Why a destination does not answer, as ICMP tells it.
    enum Unreachable {
        case network, host, port, prohibited
    }

    /// An empty packet from the flow's destination to its source; the transport part is zero.
    private static func packet(_ flow: FlowKey, _ transport: UInt8, length: Int) -> [UInt8] {
        let header = flow.version == 4 ? 20 : 40
        var bytes = [UInt8](repeating: 0, count: prefix + header + length)
        bytes.withUnsafeMutableBytes { raw in
            guard let base = raw.baseAddress?.advanced(by: prefix) else { return }
            if flow.version == 4 {
                base.storeBytes(of: 0x45, as: UInt8.self)
                base.storeBytes(of: UInt16(header + length).bigEndian, toByteOffset: 2, as: UInt16.self)
                base.storeBytes(of: UInt16(0x4000).bigEndian, toByteOffset: 6, as: UInt16.self)
                base.storeBytes(of: 64, toByteOffset: 8, as: UInt8.self)
                base.storeBytes(of: transport, toByteOffset: 9, as: UInt8.self)
                let source = UInt32(truncatingIfNeeded: flow.destinationLow).bigEndian
                let destination = UInt32(truncatingIfNeeded: flow.sourceLow).bigEndian
                base.storeBytes(of: source, toByteOffset: 12, as: UInt32.self)
                base.storeBytes(of: destination, toByteOffset: 16, as: UInt32.self)
                base.storeBytes(of: ~Checksum.fold(Checksum.sum(base, 20)), toByteOffset: 10, as: UInt16.self)
            } else {
                base.storeBytes(of: 0x60, as: UInt8.self)
                base.storeBytes(of: UInt16(length).bigEndian, toByteOffset: 4, as: UInt16.self)
                base.storeBytes(of: transport, toByteOffset: 6, as: UInt8.self)
                base.storeBytes(of: 64, toByteOffset: 7, as: UInt8.self)
                base.storeBytes(of: flow.destinationHigh.bigEndian, toByteOffset: 8, as: UInt64.self)
                base.storeBytes(of: flow.destinationLow.bigEndian, toByteOffset: 16, as: UInt64.self)
                base.storeBytes(of: flow.sourceHigh.bigEndian, toByteOffset: 24, as: UInt64.self)
                base.storeBytes(of: flow.sourceLow.bigEndian, toByteOffset: 32, as: UInt64.self)
            }
        }
        return bytes
    }

    /// The sum of the pseudo header that precedes a transport header of `length` bytes with its payload.
    private static func pseudoSum(_ flow: FlowKey, _ transport: UInt8, length: Int) -> UInt64 {
        Checksum.words(flow.sourceHigh.bigEndian) &+ Checksum.words(flow.sourceLow.bigEndian)
            &+ Checksum.words(flow.destinationHigh.bigEndian) &+ Checksum.words(flow.destinationLow.bigEndian)
            &+ UInt64(UInt16(transport).bigEndian) &+ UInt64(UInt16(truncatingIfNeeded: length).bigEndian)
    }

    private static func finish(
        _ bytes: inout [UInt8],
        _ flow: FlowKey,
        _ transport: UInt8,
        checksumAt offset: Int,
        withPseudoHeader: Bool = true
    ) {
        let start = prefix + (flow.version == 4 ? 20 : 40)
        let length = bytes.count - start
        let pseudo = withPseudoHeader ? pseudoSum(flow, transport, length: length) : 0
        bytes.withUnsafeMutableBytes { raw in
            guard let base = raw.baseAddress?.advanced(by: start) else { return }
            var sum = ~Checksum.fold(pseudo &+ Checksum.sum(base, length))
            // RFC 768: zero means "no checksum".
            if transport == PacketHeader.udp, sum == 0 { sum = 0xffff }
            base.storeBytes(of: sum, toByteOffset: offset, as: UInt16.self)
        }
    }

    /// A reset from the flow's destination to its source.
    static func reset(_ flow: FlowKey, sequence: UInt32, acknowledgement: UInt32?) -> [UInt8] {
        var bytes = packet(flow, PacketHeader.tcp, length: 20)
        let start = bytes.count - 20
        bytes.withUnsafeMutableBytes { raw in
            raw.storeBytes(of: (flow.ports << 16 | flow.ports >> 16).bigEndian, toByteOffset: start, as: UInt32.self)
            raw.storeBytes(of: sequence.bigEndian, toByteOffset: start + 4, as: UInt32.self)
            raw.storeBytes(of: (acknowledgement ?? 0).bigEndian, toByteOffset: start + 8, as: UInt32.self)
            raw[start + 12] = 0x50
            raw[start + 13] = acknowledgement == nil ? 0x04 : 0x14
        }
        finish(&bytes, flow, PacketHeader.tcp, checksumAt: 16)
        return bytes
    }

    /// The answer to a segment of a connection that nobody knows (RFC 9293, 3.5.2); nil for a reset.
    static func reset(_ base: UnsafeRawPointer, _ header: PacketHeader) -> [UInt8]? {
        guard header.flags & 0x04 == 0 else { return nil }
        if header.flags & 0x10 != 0 {
            return reset(header.key, sequence: header.acknowledgement(base), acknowledgement: nil)
        }
        let control: UInt32 = (header.flags & 0x02 != 0 ? 1 : 0) &+ (header.flags & 0x01 != 0 ? 1 : 0)
        let length = UInt32(truncatingIfNeeded: header.totalLength &- header.payloadOffset)
        let next = header.sequence(base) &+ length &+ control
        return reset(header.key, sequence: 0, acknowledgement: next)
    }

    /// A datagram from the flow's destination to its source; nil when it is too long for IP.
    static func datagram(_ flow: FlowKey, _ payload: UnsafeRawBufferPointer) -> [UInt8]? {
        guard payload.count <= 65_507 else { return nil }
        var bytes = packet(flow, PacketHeader.udp, length: payload.count + 8)
        let start = bytes.count - payload.count - 8
        bytes.withUnsafeMutableBytes { raw in
            raw.storeBytes(of: (flow.ports << 16 | flow.ports >> 16).bigEndian, toByteOffset: start, as: UInt32.self)
            raw.storeBytes(of: UInt16(payload.count + 8).bigEndian, toByteOffset: start + 4, as: UInt16.self)
            if let source = payload.baseAddress {
                raw.baseAddress?.advanced(by: start + 8).copyMemory(from: source, byteCount: payload.count)
            }
        }
        finish(&bytes, flow, PacketHeader.udp, checksumAt: 6)
        return bytes
    }

    /// An ICMP error about a packet of the flow, which quotes the packet's IP header and the next 8 bytes.
    static func unreachable(_ flow: FlowKey, quoting packet: [UInt8], _ reason: Unreachable) -> [UInt8] {
        let quoted = packet.prefix((flow.version == 4 ? 20 : 40) + 8)
        let transport: UInt8 = flow.version == 4 ? 1 : 58
        var bytes = self.packet(flow, transport, length: 8 + quoted.count)
        let start = bytes.count - quoted.count - 8
        if flow.version == 4 {
            bytes[start] = 3
            bytes[start + 1] =
                switch reason {
                case .network: 0
                case .host: 1
                case .port: 3
                case .prohibited: 13
                }
        } else {
            bytes[start] = 1
            bytes[start + 1] =
                switch reason {
                case .network: 0
                case .host: 3
                case .port: 4
                case .prohibited: 1
                }
        }
        bytes.replaceSubrange((start + 8)..., with: quoted)
        finish(&bytes, flow, transport, checksumAt: 2, withPseudoHeader: flow.version == 6)
        return bytes
    }

    /// The first bytes of a datagram of the flow, to be quoted in an error.
    static func quotableDatagram(_ flow: FlowKey) -> [UInt8] {
        let reversed = FlowKey(
            sourceHigh: flow.destinationHigh,
            sourceLow: flow.destinationLow,
            destinationHigh: flow.sourceHigh,
            destinationLow: flow.sourceLow,
            ports: flow.ports << 16 | flow.ports >> 16,
            version: flow.version
        )
        let whole = datagram(reversed, UnsafeRawBufferPointer(start: nil, count: 0)) ?? []
        return Array(whole.dropFirst(prefix))
    }
}
