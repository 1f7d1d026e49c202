import NIOCore
import Testing

@testable import HTTP2

@Suite struct HTTP2SessionTests {
    private func bytes(_ count: Int) -> ByteBuffer {
        ByteBuffer(bytes: (0..<count).map { UInt8(truncatingIfNeeded: $0 &* 31 &+ $0 >> 8) })
    }

    @Test(
        "a request with body, response with trailers, however the bytes are cut",
        arguments: [1, 2, 9, 10, 1000, .max]
    )
    func roundTrip(piece: Int) throws {
        let pair = try SessionPair()
        pair.piece = piece
        let body = self.bytes(100_000)
        let stream = try pair.client.open(SessionPair.get, endStream: false)
        pair.client.write(stream, body)
        pair.client.end(stream, trailers: [HeaderField("x-sum", "1")])
        try pair.exchange()
        let (served, fields) = try #require(pair.opened.first)
        #expect(fields == SessionPair.get)
        #expect(SessionPair.data(pair.serverEvents) == body)
        guard case .headers(_, [HeaderField("x-sum", "1")], endStream: true) = pair.serverEvents.dropLast().last,
            case .ended = pair.serverEvents.last
        else {
            Issue.record("no trailers")
            return
        }
        pair.server.respond(served, [HeaderField(":status", "200")], endStream: false)
        pair.server.write(served, ByteBuffer(string: "hello"))
        pair.server.end(served, trailers: [HeaderField("tp-status", "0")])
        try pair.exchange()
        #expect(SessionPair.data(pair.clientEvents) == ByteBuffer(string: "hello"))
        #expect(SessionPair.closeCodes(pair.clientEvents) == [.noError])
        #expect(SessionPair.closeCodes(pair.serverEvents) == [.noError])
        #expect(pair.client.streams.isEmpty && pair.server.streams.isEmpty)
        #expect(pair.clientFailure == nil && pair.serverFailure == nil)
    }

    @Test("a sender stalls at the window and goes on when bytes are consumed")
    func flowControl() throws {
        var small = LinkConfiguration()
        small.streamWindow = 70_000
        let pair = try SessionPair(server: small)
        let stream = try pair.client.open(SessionPair.get, endStream: false)
        let body = self.bytes(200_000)
        pair.client.write(stream, body)
        pair.client.end(stream, trailers: nil)
        try pair.exchange()
        let served = try #require(pair.opened.first?.stream)
        #expect(SessionPair.data(pair.serverEvents).readableBytes == 70_000)
        #expect(stream.queuedBytes == 130_000)
        pair.server.consume(served, 70_000)
        try pair.exchange()
        #expect(SessionPair.data(pair.serverEvents).readableBytes == 140_000)
        // Less than half a window is not worth a WINDOW_UPDATE.
        pair.server.consume(served, 1_000)
        try pair.exchange()
        #expect(SessionPair.data(pair.serverEvents).readableBytes == 140_000)
        pair.server.consume(served, 69_000)
        try pair.exchange()
        #expect(SessionPair.data(pair.serverEvents) == body)
    }

    @Test("streams that are not read do not hold up others until the limit")
    func noHeadOfLine() throws {
        var small = LinkConfiguration()
        small.streamWindow = 60_000
        small.connectionWindow = 100_000
        small.unconsumedLimit = 150_000
        let pair = try SessionPair(server: small)
        for _ in 0..<5 {
            let stream = try pair.client.open(SessionPair.get, endStream: false)
            pair.client.write(stream, self.bytes(60_000))
        }
        try pair.exchange()
        // Two and a half windows were given back at once, the last hundred thousand were not.
        let got = SessionPair.data(pair.serverEvents).readableBytes
        #expect(got > 150_000 && got <= 250_000)
        for (stream, _) in pair.opened { pair.server.consume(stream, 60_000) }
        try pair.exchange()
        #expect(SessionPair.data(pair.serverEvents).readableBytes == 300_000)
    }

    @Test("many streams that are not read leave narrow windows, and do not hold up others")
    func narrowWindows() throws {
        var small = LinkConfiguration()
        small.streamWindow = 256 << 10
        small.connectionWindow = 128 << 10
        small.unconsumedLimit = 1 << 20
        let pair = try SessionPair(server: small)
        for _ in 0..<12 {
            let stream = try pair.client.open(SessionPair.get, endStream: false)
            pair.client.write(stream, self.bytes(small.streamWindow))
            try pair.exchange()
        }
        let stuck = pair.opened.map(\.stream)
        let taken = stuck.map(\.unconsumed)
        #expect(taken[0] == small.streamWindow && taken.allSatisfy { $0 > 0 })
        #expect(taken.reduce(0, +) < small.unconsumedLimit)
        // With four whole windows the limit would be reached.
        let stream = try pair.client.open(SessionPair.get, endStream: false)
        pair.client.write(stream, self.bytes(500_000))
        pair.client.end(stream, trailers: nil)
        try pair.exchange()
        let served = try #require(pair.opened.last?.stream)
        while served.unconsumed > 0 {
            pair.server.consume(served, served.unconsumed)
            try pair.exchange()
        }
        #expect(served.remoteDone)
        // Once they are read, windows are as they were.
        while stuck.contains(where: { $0.unconsumed > 0 }) {
            for stream in stuck { pair.server.consume(stream, stream.unconsumed) }
            try pair.exchange()
        }
        #expect(SessionPair.data(pair.serverEvents).readableBytes == 500_000 + 12 * small.streamWindow)
        pair.client.write(try pair.client.open(SessionPair.get, endStream: false), self.bytes(small.streamWindow))
        try pair.exchange()
        #expect(pair.opened.last?.stream.unconsumed == small.streamWindow)
        #expect(pair.clientFailure == nil && pair.serverFailure == nil)
    }

    @Test("a stream closed with unread bytes gives its window back")
    func windowOfClosedStreams() throws {
        var small = LinkConfiguration()
        small.connectionWindow = 100_000
        small.unconsumedLimit = 0
        let pair = try SessionPair(server: small)
        for _ in 0..<60 {
            let stream = try pair.client.open(SessionPair.get, endStream: false)
            pair.client.write(stream, self.bytes(15_000))
            try pair.exchange()
            pair.client.reset(stream, .cancel)
            try pair.exchange()
            for event in pair.serverEvents { if case .closed(let record, _) = event { pair.server.forget(record) } }
            pair.serverEvents.removeAll { if case .closed = $0 { true } else { false } }
        }
        #expect(SessionPair.data(pair.serverEvents).readableBytes == 900_000)
    }

    @Test("large frames are used when both allow them, and payloads are not copied")
    func largeFrames() throws {
        let pair = try SessionPair()
        let stream = try pair.client.open(SessionPair.get, endStream: false)
        pair.client.write(stream, self.bytes(65_536))
        var sizes: [Int] = []
        _ = try pair.client.produce(limit: 1 << 20) { sizes.append($0.readableBytes) }
        #expect(sizes.last == 65_536)
        // A frame may be made of several writes, and a write cut into several frames.
        pair.client.write(stream, self.bytes(40_000))
        pair.client.write(stream, self.bytes(40_000))
        sizes = []
        _ = try pair.client.produce(limit: 1 << 20) { sizes.append($0.readableBytes) }
        #expect(sizes == [9, 40_000, 25_536, 9, 14_464])
    }

    @Test("output stops soon after the limit and goes on where it stopped")
    func limit() throws {
        let pair = try SessionPair()
        let stream = try pair.client.open(SessionPair.get, endStream: false)
        let body = self.bytes(1_000_000)
        pair.client.write(stream, body)
        pair.client.end(stream, trailers: nil)
        var all = ByteBuffer()
        var rounds = 0
        while true {
            let count = try pair.client.produce(limit: 100_000) { all.writeImmutableBuffer($0) }
            guard count > 0 else { break }
            #expect(count < 100_000 + 70_000)
            rounds += 1
        }
        #expect(rounds > 7)
        #expect(pair.server.receive(all) == nil)
        #expect(SessionPair.data(pair.server.takeEvents()) == body)
    }

    @Test("reset reaches the other side, and nothing follows it")
    func reset() throws {
        let pair = try SessionPair()
        let stream = try pair.client.open(SessionPair.get, endStream: false)
        try pair.exchange()
        let served = try #require(pair.opened.first?.stream)
        pair.server.respond(served, [HeaderField(":status", "200")], endStream: false)
        pair.client.write(stream, self.bytes(1000))
        pair.client.reset(stream, .connectError)
        pair.client.write(stream, self.bytes(1000))
        try pair.exchange()
        #expect(SessionPair.closeCodes(pair.serverEvents) == [.connectError])
        #expect(SessionPair.closeCodes(pair.clientEvents) == [.connectError])
        pair.server.write(served, self.bytes(10))
        pair.server.consume(served, 10)
        try pair.exchange()
        #expect(pair.clientFailure == nil && pair.serverFailure == nil)
    }

    @Test("a header list that is too big costs its stream alone")
    func bigHeaders() throws {
        var tight = LinkConfiguration()
        tight.maximumHeaderList = 4096
        let pair = try SessionPair(server: tight)
        // What the client may send is settled by its own view; nghttp2 does not heed the peer's limit.
        _ = try pair.client.open(
            SessionPair.get(with: (0..<30).map { HeaderField("x-\($0)", String(repeating: "v", count: 400)) }),
            endStream: true
        )
        try pair.exchange()
        #expect(SessionPair.closeCodes(pair.clientEvents) == [.enhanceYourCalm])
        #expect(pair.opened.isEmpty)
        #expect(pair.serverFailure == nil)
        _ = try pair.client.open(SessionPair.get, endStream: true)
        try pair.exchange()
        #expect(pair.opened.count == 1)
    }

    @Test("a header bomb costs the link")
    func headerBomb() throws {
        var tight = LinkConfiguration()
        tight.maximumHeaderList = 1024
        let pair = try SessionPair(server: tight)
        _ = try pair.client.open(
            SessionPair.get(with: (0..<100).map { HeaderField("x-\($0)", String(repeating: "v", count: 400)) }),
            endStream: true
        )
        try pair.exchange()
        guard case .protocolViolation = pair.serverFailure else {
            Issue.record("accepted")
            return
        }
    }

    @Test("garbage fails the connection and nothing else", arguments: ["GET / HTTP/1.1\r\n\r\n", "\0\0\0\0\0\0\0\0\0"])
    func garbage(text: String) throws {
        let server = try HTTP2Session(isServer: true, configuration: LinkConfiguration())
        guard case .protocolViolation = server.receive(ByteBuffer(string: text)) else {
            Issue.record("accepted")
            return
        }
    }

    @Test("a flood of CONTINUATION frames ends the connection")
    func continuationFlood() throws {
        let pair = try SessionPair()
        // HEADERS without END_HEADERS on stream 1, then CONTINUATION frames of one byte.
        var flood = ByteBuffer(bytes: [0, 0, 1, 1, 0, 0, 0, 0, 1, 0x82])
        for _ in 0..<50 { flood.writeBytes([0, 0, 1, 9, 0, 0, 0, 0, 1, 0x84]) }
        let failure = pair.server.receive(flood)
        _ = try SessionPair.output(pair.server)
        #expect(failure != nil || pair.server.isFinished)
    }

    @Test("a flood of resets ends the connection")
    func resetFlood() throws {
        var tight = LinkConfiguration()
        tight.resetBurst = 20
        tight.resetRate = 1
        let pair = try SessionPair(server: tight)
        var survived = 0
        while survived < 1000, !pair.server.isFinished, pair.serverFailure == nil {
            guard let stream = try? pair.client.open(SessionPair.get, endStream: false) else { break }
            try pair.exchange()
            pair.client.reset(stream, .cancel)
            try pair.exchange()
            survived += 1
        }
        #expect(survived < 40)
    }

    @Test("a flood of pings whose answers are not read ends the connection")
    func pingFlood() throws {
        let pair = try SessionPair()
        var flood = ByteBuffer()
        for _ in 0..<3000 { flood.writeBytes([0, 0, 8, 6, 0, 0, 0, 0, 0] + [UInt8](repeating: 7, count: 8)) }
        #expect(pair.server.receive(flood) != nil)
    }

    @Test("after GOAWAY open streams finish and new ones are refused")
    func goAway() throws {
        let pair = try SessionPair()
        let stream = try pair.client.open(SessionPair.get, endStream: true)
        try pair.exchange()
        pair.server.goAway(.noError)
        try pair.exchange()
        #expect(throws: HTTP2Error.goingAway) { try pair.client.open(SessionPair.get, endStream: true) }
        let served = try #require(pair.opened.first?.stream)
        pair.server.respond(served, [HeaderField(":status", "200")], endStream: true)
        try pair.exchange()
        #expect(SessionPair.closeCodes(pair.clientEvents) == [.noError])
        #expect(stream.closed)
        #expect(pair.client.isFinished && pair.server.isFinished)
    }

    @Test("interim responses come before the response")
    func interim() throws {
        let pair = try SessionPair()
        _ = try pair.client.open(SessionPair.get, endStream: true)
        try pair.exchange()
        let served = try #require(pair.opened.first?.stream)
        let hints: HeaderBlock = [HeaderField(":status", "103"), HeaderField("link", "</a>")]
        pair.server.respondInterim(served, hints)
        pair.server.respondInterim(served, [HeaderField(":status", "100")])
        pair.server.respond(served, [HeaderField(":status", "204")], endStream: true)
        try pair.exchange()
        let interim = pair.clientEvents.compactMap { if case .interim(_, let fields) = $0 { fields } else { nil } }
        let heads = pair.clientEvents.compactMap { if case .headers(_, let fields, _) = $0 { fields } else { nil } }
        #expect(interim == [hints, [HeaderField(":status", "100")]])
        #expect(heads == [[HeaderField(":status", "204")]])
        #expect(SessionPair.closeCodes(pair.clientEvents) == [.noError])
    }

    @Test("a reset in order follows what is queued; one that completes waits until the response has gone out")
    func resetInOrder() throws {
        var small = LinkConfiguration()
        small.streamWindow = 70_000
        let pair = try SessionPair(client: small)
        var opened: [SessionStream] = []
        for (code, completing) in [(HTTP2ErrorCode.cancel, false), (.noError, true), (.refusedStream, true)] {
            opened.append(try pair.client.open(SessionPair.get, endStream: false))
            try pair.exchange()
            let served = try #require(pair.opened.last?.stream)
            pair.server.respond(served, [HeaderField(":status", "200")], endStream: false)
            pair.server.write(served, self.bytes(100_000))
            pair.server.end(served, trailers: [HeaderField("x-sum", "1")])
            pair.server.resetInOrder(served, code, completing: completing)
            try pair.exchange()
        }
        // What the window takes comes first; for the rest of the one nobody waits.
        #expect(SessionPair.closeCodes(pair.clientEvents) == [.cancel])
        #expect(SessionPair.data(pair.clientEvents).readableBytes == 210_000)
        for stream in opened[1...] { pair.client.consume(stream, 70_000) }
        try pair.exchange()
        #expect(SessionPair.data(pair.clientEvents).readableBytes == 270_000)
        #expect(Set(SessionPair.closeCodes(pair.clientEvents)) == [.cancel, .noError, .refusedStream])
        #expect(pair.clientFailure == nil && pair.serverFailure == nil)
    }

    @Test("a reset in order does not wait for other streams, which may always have something to send")
    func resetInOrderOnBusyLink() throws {
        let pair = try SessionPair()
        for _ in 0..<2 { _ = try pair.client.open(SessionPair.get, endStream: false) }
        try pair.exchange()
        let streams = pair.opened.map(\.stream)
        try #require(streams.count == 2)
        for stream in streams { pair.server.respond(stream, [HeaderField(":status", "200")], endStream: false) }
        pair.server.write(streams[0], self.bytes(3_000_000))
        pair.server.write(streams[1], self.bytes(1000))
        pair.server.resetInOrder(streams[1], .cancel, completing: false)
        var events: [SessionEvent] = []
        for _ in 0..<10 {
            var output = ByteBuffer()
            _ = try pair.server.produce(limit: 50_000) { output.writeImmutableBuffer($0) }
            #expect(pair.client.receive(output) == nil)
            events += pair.client.takeEvents()
        }
        #expect(SessionPair.closeCodes(events) == [.cancel])
        var got: [Int32: Int] = [:]
        for case .data(let stream, let bytes) in events { got[stream.id, default: 0] += bytes.readableBytes }
        #expect(got[streams[1].id] == 1000)
        #expect(got[streams[0].id, default: 0] < 3_000_000)
    }

    @Test("a field's bytes and its mark pass as they are, UTF-8 or not")
    func bytesOfFields() throws {
        let pair = try SessionPair()
        var head = SessionPair.get
        let (name, value) = (Array("x-latin".utf8), [0x63, 0xE9, 0xFF] as [UInt8])
        name.withUnsafeBufferPointer { name in
            value.withUnsafeBufferPointer {
                head.append(name: name, value: $0, neverIndexed: true)
                head.append(name: name, value: $0, neverIndexed: false)
            }
        }
        _ = try pair.client.open(head, endStream: true)
        try pair.exchange()
        #expect(pair.opened.first?.fields == head)
        #expect(head.fields.last == HeaderField("x-latin", "c\u{FFFD}\u{FFFD}"))
    }

    @Test("extended CONNECT is announced and accepted")
    func extendedConnect() throws {
        let pair = try SessionPair()
        #expect(pair.client.peerEnablesConnectProtocol)
        let request: HeaderBlock = [
            HeaderField(":method", "CONNECT"), HeaderField(":protocol", "connect-udp"), HeaderField(":scheme", "https"),
            HeaderField(":authority", "a"), HeaderField(":path", "/x"),
        ]
        _ = try pair.client.open(request, endStream: false)
        try pair.exchange()
        #expect(pair.opened.first?.fields == request)
    }
}
