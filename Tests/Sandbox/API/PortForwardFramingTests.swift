import NIOCore
import Testing

@testable import Sandbox

@Suite struct PortForwardFramingTests {
    @Test("the SPDY dictionary is the one of the specification") func dictionary() {
        #expect(SPDYDictionary.bytes.count == 1423)
        // Adler-32, by which zlib asks for the dictionary.
        var (a, b): (UInt32, UInt32) = (1, 0)
        for byte in SPDYDictionary.bytes {
            a = (a + UInt32(byte)) % 65521
            b = (b + a) % 65521
        }
        #expect(b << 16 | a == 0xE3C6_A7C2)
    }

    @Test("header blocks build on each other") func headers() throws {
        let (one, other) = (SPDYHeaders(), SPDYHeaders())
        for request in 0..<20 {
            let headers = [("StreamType", "data"), ("port", "8080"), ("requestid", "\(request)")]
            let read = try other.read(one.write(headers))
            #expect(read == ["streamtype": "data", "port": "8080", "requestid": "\(request)"])
        }
        #expect(throws: SPDYHeaders.Violation.self) { _ = try SPDYHeaders().read([1, 2, 3, 4]) }
    }

    @Test("SPDY frames are read whatever the pieces they come in") func split() throws {
        let block: [UInt8] = [9, 9, 9]
        var bytes: [UInt8] = [0x80, 3, 0, 1, 1, 0, 0, 13, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0] + block
        bytes += [0x80, 3, 0, 6, 0, 0, 0, 4, 0, 0, 0, 7]
        bytes += [0x80, 3, 0, 9, 0, 0, 0, 8, 0, 0, 0, 5, 0, 1, 0, 0]
        bytes += [0, 0, 0, 5, 1, 0, 0, 4] + Array("data".utf8)
        bytes += [0x80, 3, 0, 3, 0, 0, 0, 8, 0, 0, 0, 5, 0, 0, 0, 5]
        for at in 0...bytes.count {
            var reader = SPDYReader()
            var events: [SPDYReader.Event] = []
            for piece in [bytes[..<at], bytes[at...]] {
                reader.feed(ByteBuffer(bytes: piece))
                while let event = try reader.next() { events.append(event) }
            }
            #expect(events.first == .open(stream: 5, block: block, final: true))
            #expect(events.contains(.ping(7)) && events.last == .reset(stream: 5))
            var data = ""
            var final = false
            for case .data(5, let piece, let last) in events {
                data += String(buffer: piece)
                final = final || last
            }
            #expect(data == "data" && final)
        }
    }

    @Test("what is not SPDY 3 or is too long is refused") func violations() {
        for bytes: [UInt8] in [
            [0x80, 2, 0, 1, 0, 0, 0, 0], [0x80, 3, 0, 1, 0, 0xFF, 0xFF, 0xFF], [0x80, 3, 0, 3, 0, 0, 0, 1, 1],
        ] {
            var reader = SPDYReader()
            reader.feed(ByteBuffer(bytes: bytes))
            #expect(throws: SPDYReader.Violation.self) { while try reader.next() != nil {} }
        }
    }

    private func frame(_ first: UInt8, _ payload: [UInt8]) -> [UInt8] {
        let mask: [UInt8] = [1, 2, 3, 4]
        var bytes: [UInt8] = [first]
        if payload.count < 126 {
            bytes.append(0x80 | UInt8(payload.count))
        } else {
            bytes += [0x80 | 126, UInt8(payload.count >> 8), UInt8(payload.count & 255)]
        }
        return bytes + mask + payload.enumerated().map { $1 ^ mask[$0 % 4] }
    }

    @Test("WebSocket frames are unmasked whatever the pieces they come in") func webSocket() throws {
        let long = (0..<300).map { UInt8(truncatingIfNeeded: $0) }
        let bytes =
            self.frame(0x02, Array("ab".utf8)) + self.frame(0x89, [7]) + self.frame(0x80, long)
            + self.frame(0x88, [3, 0xE8])
        for at in 0...bytes.count {
            var reader = WebSocketReader()
            var (data, pings, begins, closed): ([UInt8], Int, Int, Bool) = ([], 0, 0, false)
            for piece in [bytes[..<at], bytes[at...]] {
                reader.feed(ByteBuffer(bytes: piece))
                while let event = try reader.next() {
                    switch event {
                    case .begin: begins += 1
                    case .data(let piece): data += Array(piece.readableBytesView)
                    case .ping(let payload): pings += payload == ByteBuffer(bytes: [7]) ? 1 : 0
                    case .close: closed = true
                    }
                }
            }
            #expect(data == Array("ab".utf8) + long && pings == 1 && begins == 1 && closed)
        }
    }

    @Test("WebSocket frames that break the rules are refused") func webSocketViolations() {
        let bad: [[UInt8]] = [
            [0x82, 1, 0], [0xC2, 0x80, 0, 0, 0, 0], [0x80, 0x80, 0, 0, 0, 0], [0x83, 0x80, 0, 0, 0, 0],
            [0x09, 0x80, 0, 0, 0, 0],
        ]
        for bytes in bad {
            var reader = WebSocketReader()
            reader.feed(ByteBuffer(bytes: bytes))
            #expect(throws: WebSocketReader.Violation.self) { while try reader.next() != nil {} }
        }
    }

    @Test("the WebSocket answer to a key is that of RFC 6455") func accept() {
        #expect(SHA1.accept(key: "dGhlIHNhbXBsZSBub25jZQ==") == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=")
    }
}
