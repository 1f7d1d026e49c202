import Testing

@testable import Kernel
@testable import Network

/// Checksums by the definition, RFC 1071: slow, obvious, and not the code under test.
enum NaiveChecksum {
    static func sum(_ bytes: [UInt8]) -> UInt32 {
        var sum: UInt32 = 0
        for index in stride(from: 0, to: bytes.count, by: 2) {
            sum += UInt32(bytes[index]) << 8 | (index + 1 < bytes.count ? UInt32(bytes[index + 1]) : 0)
            sum = (sum & 0xffff) + sum >> 16
        }
        return sum
    }

    /// Whether the transport checksum of an IP packet is right.
    static func transportIsRight(_ packet: [UInt8]) -> Bool {
        let isV4 = packet[0] >> 4 == 4
        let header = isV4 ? Int(packet[0] & 0xf) * 4 : 40
        let transport = isV4 ? packet[9] : packet[6]
        let addresses = isV4 ? packet[12..<20] : packet[8..<40]
        let length = packet.count - header
        let pseudo = Array(addresses) + [0, transport, UInt8(length >> 8), UInt8(length & 0xff)]
        let isICMP4 = isV4 && transport == 1
        return sum((isICMP4 ? [] : pseudo) + packet[header...]) == 0xffff
    }

    static func headerIsRight(_ packet: [UInt8]) -> Bool {
        packet[0] >> 4 == 6 || sum(Array(packet[0..<(Int(packet[0] & 0xf) * 4)])) == 0xffff
    }
}

@Suite("Packets are rewritten, built and parsed")
struct PacketRewriterTests {
    static func randomKey(_ version: UInt32, _ generator: inout SeededGenerator) -> FlowKey {
        var key = FlowKey()
        key.version = version
        key.ports = .random(in: .min ... .max, using: &generator)
        if version == 4 {
            key.sourceLow = UInt64(UInt32.random(in: .min ... .max, using: &generator))
            key.destinationLow = UInt64(UInt32.random(in: .min ... .max, using: &generator))
        } else {
            key.sourceHigh = .random(in: .min ... .max, using: &generator)
            key.sourceLow = .random(in: .min ... .max, using: &generator)
            key.destinationHigh = .random(in: .min ... .max, using: &generator)
            key.destinationLow = .random(in: .min ... .max, using: &generator)
        }
        return key
    }

    private static func parse(_ packet: [UInt8]) -> (PacketHeader.Fault, PacketHeader) {
        var header = PacketHeader()
        let fault = packet.withUnsafeBytes { raw in
            raw.baseAddress.map { header.parse($0, raw.count, segmented: false) } ?? .malformed
        }
        return (fault, header)
    }

    private static func reversed(_ key: FlowKey) -> FlowKey {
        FlowKey(
            sourceHigh: key.destinationHigh,
            sourceLow: key.destinationLow,
            destinationHigh: key.sourceHigh,
            destinationLow: key.sourceLow,
            ports: key.ports << 16 | key.ports >> 16,
            version: key.version
        )
    }

    @Test("After a rewrite, full checksums are as if computed anew", arguments: [UInt32(4), 6])
    func fullChecksums(version: UInt32) {
        var generator = SeededGenerator(seed: 1)
        for _ in 0..<20_000 {
            let from = Self.randomKey(version, &generator)
            let to = Self.randomKey(version, &generator)
            var packet = Array(
                PacketBuilder.reset(from, sequence: .random(in: .min ... .max, using: &generator), acknowledgement: nil)
                    .dropFirst(10)
            )
            let (fault, header) = Self.parse(packet)
            #expect(fault == .none)
            guard header.key == Self.reversed(from) else {
                Issue.record("parsed \(header.key) instead of \(from)")
                return
            }
            packet.withUnsafeMutableBytes { raw in
                if let base = raw.baseAddress { PacketRewriter.rewrite(base, header, to: to, partial: false) }
            }
            guard NaiveChecksum.headerIsRight(packet), NaiveChecksum.transportIsRight(packet),
                Self.parse(packet).1.key == to
            else {
                Issue.record("\(from) -> \(to)")
                return
            }
        }
    }

    @Test(
        "After a rewrite, a partial checksum is the pseudo header's sum, without the ports",
        arguments: [UInt32(4), 6]
    )
    func partialChecksums(version: UInt32) {
        var generator = SeededGenerator(seed: 2)
        for _ in 0..<5000 {
            let from = Self.randomKey(version, &generator)
            let to = Self.randomKey(version, &generator)
            var packet = Array(PacketBuilder.reset(from, sequence: 1, acknowledgement: nil).dropFirst(10))
            let offset = (version == 4 ? 20 : 40) + 16
            func pseudo() -> UInt32 {
                let addresses = version == 4 ? packet[12..<20] : packet[8..<40]
                return NaiveChecksum.sum(Array(addresses) + [0, 6, 0, 20])
            }
            let before = pseudo()
            packet[offset] = UInt8(before >> 8)
            packet[offset + 1] = UInt8(before & 0xff)
            let header = Self.parse(packet).1
            packet.withUnsafeMutableBytes { raw in
                if let base = raw.baseAddress { PacketRewriter.rewrite(base, header, to: to, partial: true) }
            }
            let field = UInt32(packet[offset]) << 8 | UInt32(packet[offset + 1])
            // 0 and 0xffff are the same number in this arithmetic.
            guard field % 0xffff == pseudo() % 0xffff else {
                Issue.record("\(from) -> \(to): \(field) instead of \(pseudo())")
                return
            }
        }
    }

    @Test("Built packets have right checksums", arguments: [UInt32(4), 6])
    func built(version: UInt32) {
        var generator = SeededGenerator(seed: 3)
        for length in 0..<300 {
            let key = Self.randomKey(version, &generator)
            let payload = (0..<length).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
            let datagram = payload.withUnsafeBytes { PacketBuilder.datagram(key, $0) } ?? []
            let quote = PacketBuilder.quotableDatagram(key)
            let packets = [
                datagram, PacketBuilder.reset(key, sequence: 1, acknowledgement: 2),
                PacketBuilder.unreachable(key, quoting: quote, .port),
                PacketBuilder.unreachable(key, quoting: quote, .host),
            ].map { Array($0.dropFirst(10)) }
            for packet in packets {
                #expect(NaiveChecksum.headerIsRight(packet) && NaiveChecksum.transportIsRight(packet))
                #expect(Self.parse(packet).0 == .none)
            }
        }
    }

    @Test("A reset is these bytes")
    func goldenReset() throws {
        let source = try #require(InternetEndpoint("10.0.0.1:40000"))
        let destination = try #require(InternetEndpoint("10.96.0.7:80"))
        let key = FlowKey(Flow(source: source, destination: destination))
        #expect(
            PacketBuilder.reset(key, sequence: 0, acknowledgement: 0x0102_0304) == [
                0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  // virtio_net_hdr
                0x45, 0, 0, 40, 0, 0, 0x40, 0, 64, 6, 0x26, 0x69,  // IPv4, 40 bytes, TCP
                10, 96, 0, 7, 10, 0, 0, 1,
                0, 80, 0x9c, 0x40,  // ports
                0, 0, 0, 0, 1, 2, 3, 4,  // sequence, acknowledgement
                0x50, 0x14, 0, 0,  // RST and ACK
                0xfa, 0xd2, 0, 0,
            ]
        )
    }

    @Test("No damage makes the parser trap or name an offset outside")
    func damage() {
        var generator = SeededGenerator(seed: 4)
        for round in 0..<50_000 {
            let key = Self.randomKey(round % 2 == 0 ? 4 : 6, &generator)
            var packet = Array(PacketBuilder.reset(key, sequence: 1, acknowledgement: 2).dropFirst(10))
            for _ in 0..<Int.random(in: 0...4, using: &generator) {
                packet[Int.random(in: 0..<packet.count, using: &generator)] = .random(
                    in: .min ... .max,
                    using: &generator
                )
            }
            packet = Array(packet.prefix(Int.random(in: 0...packet.count, using: &generator)))
            let (fault, header) = Self.parse(packet)
            guard fault == .none else { continue }
            #expect(header.payloadOffset <= header.totalLength && header.totalLength <= packet.count)
        }
    }

    @Test("Fragments and strange protocols are told apart from broken packets")
    func faults() {
        var generator = SeededGenerator(seed: 5)
        var packet = Array(
            PacketBuilder.reset(Self.randomKey(4, &generator), sequence: 1, acknowledgement: 2).dropFirst(10)
        )
        packet[6] = 0x20
        #expect(Self.parse(packet).0 == .fragment)
        packet[6] = 0
        packet[7] = 1
        #expect(Self.parse(packet).0 == .fragment)
        packet[7] = 0
        packet[9] = 47
        #expect(Self.parse(packet).0 == .unsupported)
        packet[0] = 0x44
        #expect(Self.parse(packet).0 == .malformed)
    }
}
