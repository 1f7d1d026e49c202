import NIOCore
import Testing

@testable import Cluster

@Suite struct SPDYFrameTests {
    @Test("a stream is opened by these bytes, and the next one goes on with the same header stream")
    func open() {
        var writer = SPDYFrameWriter()
        let first = writer.open(1, ["port": "80"])
        let expected: [UInt8] = [
            // Control frame, version 3, SYN_STREAM, no flags, 44 bytes.
            0x80, 0x03, 0x00, 0x01, 0x00, 0x00, 0x00, 0x2C,
            // Stream 1, of no other stream, priority 0, slot 0.
            0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
            // zlib with the dictionary of this Adler-32.
            0x78, 0xBB, 0xE3, 0xC6, 0xA7, 0xC2,
            // A stored block of 18 bytes.
            0x00, 0x12, 0x00, 0xED, 0xFF,
            // One field: a name of 4 bytes, a value of 2.
            0x00, 0x00, 0x00, 0x01,
            0x00, 0x00, 0x00, 0x04, 0x70, 0x6F, 0x72, 0x74,
            0x00, 0x00, 0x00, 0x02, 0x38, 0x30,
            // An empty stored block.
            0x00, 0x00, 0x00, 0xFF, 0xFF,
        ]
        #expect(Array(first.readableBytesView) == expected)
        let second = Array(writer.open(3, ["port": "80"]).readableBytesView)
        #expect(Array(second[8..<12]) == [0, 0, 0, 3])
        #expect(second.count == expected.count - 6)
        #expect(!second.contains(0xBB))
    }

    @Test("data and pings are written with their lengths and flags") func small() {
        #expect(Array(SPDYFrameWriter.data(3, length: 0x10203).readableBytesView) == [0, 0, 0, 3, 0, 1, 2, 3])
        #expect(Array(SPDYFrameWriter.data(1, length: 0, isLast: true).readableBytesView) == [0, 0, 0, 1, 1, 0, 0, 0])
        #expect(Array(SPDYFrameWriter.pong(8).readableBytesView) == [0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 8])
    }

    @Test("frames are read whatever the pieces they come in") func split() throws {
        // SYN_REPLY with a header block, SETTINGS, PING, data, empty last data, RST_STREAM, GOAWAY.
        var bytes: [UInt8] = [0x80, 3, 0, 2, 0, 0, 0, 7, 0, 0, 0, 3, 9, 9, 9]
        bytes += [0x80, 3, 0, 4, 0, 0, 0, 0]
        bytes += [0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 2]
        bytes += [0, 0, 0, 3, 0, 0, 0, 4] + Array("data".utf8)
        bytes += [0, 0, 0, 1, 1, 0, 0, 0]
        bytes += [0x80, 3, 0, 3, 0, 0, 0, 8, 0, 0, 0, 3, 0, 0, 0, 5]
        bytes += [0x80, 3, 0, 7, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 0]
        for at in 0...bytes.count {
            var reader = SPDYFrameReader()
            var data = ""
            var others: [SPDYFrameReader.Event] = []
            for piece in [bytes[..<at], bytes[at...]] {
                reader.feed(ByteBuffer(bytes: piece))
                while let event = try reader.next() {
                    if case .data(3, let part, false) = event {
                        data += String(buffer: part)
                    } else {
                        others.append(event)
                    }
                }
            }
            #expect(data == "data")
            #expect(
                others == [.ping(2), .data(1, ByteBuffer(), isLast: true), .reset(3, status: 5), .goAway],
                "cut at \(at)"
            )
        }
    }

    @Test(
        "what is not SPDY 3, or no frame of a port-forward's server, is an error",
        arguments: [
            [0x80, 2, 0, 2, 0, 0, 0, 0], [0x80, 3, 0, 6, 0, 0, 0, 5, 0, 0, 0, 0, 0], [0x80, 3, 0, 1, 0, 0, 0, 10],
            [0x48 | 0x80, 0x54, 0x54, 0x50, 0x2F, 0x31, 0x2E, 0x31],
        ] as [[UInt8]]
    )
    func violations(bytes: [UInt8]) {
        var reader = SPDYFrameReader()
        reader.feed(ByteBuffer(bytes: bytes))
        #expect(throws: SPDYFrameReader.Violation.self) { while try reader.next() != nil {} }
    }

    @Test("bytes at random end in events or an error") func random() {
        for seed in UInt64(0)..<200 {
            var state = seed
            var reader = SPDYFrameReader()
            let bytes = (0..<400).map { _ -> UInt8 in
                state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
                return UInt8(truncatingIfNeeded: state >> 33)
            }
            // Half of them look like control frames.
            reader.feed(ByteBuffer(bytes: seed % 2 == 0 ? bytes : [0x80, 3, 0, UInt8(seed % 11)] + bytes))
            var count = 0
            while count < 1000, let _ = try? reader.next() { count += 1 }
            #expect(count < 1000)
        }
    }

    @Test(
        "answers that refuse the way are told from those that refuse the request",
        arguments: [
            (400, "Upgrade request required", true), (403, "unable to negotiate protocol", true),
            (403, "User \"u\" cannot get resource \"pods/portforward\"", true),
            (403, "User \"u\" cannot create resource \"pods/portforward\"", false), (401, "", false),
            (404, "pods \"p\" not found", false), (502, "<html>", true), (500, "", false), (200, "", true),
        ] as [(Int, String, Bool)]
    )
    func refusals(status: Int, body: String, isOfTheWay: Bool) {
        #expect(PortForward.isOfTheWay(status, Array(body.utf8)) == isOfTheWay)
    }

    @Test("the way that was taken is tried first for a while, and its reason kept") func memory() throws {
        let endpoint = try ClusterEndpoint(url: "https://a")
        let memory = PortForwardMemory()
        #expect(memory.order(at: endpoint) == PortForwardWay.allCases)
        memory.took(.plainSPDY, after: ["no", "nor that"], at: endpoint)
        #expect(memory.order(at: endpoint) == [.plainSPDY, .channels, .tunnelledSPDY])
        memory.took(.plainSPDY, after: [], at: endpoint)
        #expect(memory.detour(at: endpoint) == PortForward.Detour(way: .plainSPDY, reason: "no; nor that"))
        #expect(memory.detour(at: try ClusterEndpoint(url: "https://b")) == nil)
        memory.took(.channels, after: ["that neither"], at: endpoint)
        #expect(memory.detour(at: endpoint) == nil)
        let short = PortForwardMemory(lifetime: .zero)
        short.took(.tunnelledSPDY, after: ["no"], at: endpoint)
        #expect(short.order(at: endpoint) == PortForwardWay.allCases)
    }
}
