import NIOCore
import TestSupport
import Testing

@testable import HTTPFilter

@Suite struct ResponseFollowerTests {
    /// What a follower says of a text, given in pieces, after requests.
    private static func outcome(
        _ requests: [String],
        _ pieces: [ArraySlice<UInt8>]
    ) -> (ResponseFollower.Outcome, left: Int) {
        var follower = ResponseFollower()
        for expectation in expectations(requests) { follower.expect(expectation) }
        for piece in pieces {
            let outcome = follower.follow(ByteBuffer(bytes: piece))
            if outcome != .following { return (outcome, follower.outstanding) }
        }
        return (.following, follower.outstanding)
    }

    private static func expectations(_ requests: [String]) -> [HTTPFilter.Expectation] {
        let text = requests.map { $0 + " HTTP/1.1\r\n\r\n" }.joined()
        return FollowedConnection.follow([Array(text.utf8)[...]]).expectations
    }

    private static func outcome(_ requests: [String], _ text: String) -> (ResponseFollower.Outcome, left: Int) {
        let bytes = Array(text.utf8)
        let slow = outcome(requests, bytes.indices.map { bytes[$0...$0] })
        let fast = outcome(requests, [bytes[...]])
        #expect(slow == fast, "\(text.debugDescription)")
        return fast
    }

    @Test(
        "a response ends where its head says, and interim ones do not count",
        arguments: [
            ("GET /", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nab", 0), ("GET /", "HTTP/1.1 204 No\r\n\r\n", 0),
            ("GET /", "HTTP/1.1 304\r\nContent-Length: 9\r\n\r\n", 0),
            ("GET /", "HTTP/1.0 200 \r\nContent-Length: 0\r\n\r\n", 0),
            ("HEAD /", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\n", 0),
            ("HEAD /", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 0),
            ("GET /", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n0\r\n\r\n", 0),
            ("GET /", "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 103 E\r\nA: b\r\n\r\nHTTP/1.1 204 N\r\n\r\n", 0),
            ("GET /", "HTTP/1.1 100 Continue\r\n\r\n", 1), ("GET /", "HTTP/1.1 200 OK\r\n\r\nuntil the end", 1),
            ("GET /", "HTTP/1.1 200 OK\r\nContent-Length: 9\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n", 0),
            ("GET /", "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nContent-Length: 2\r\n\r\nab", 0),
            ("GET /", "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip\r\n\r\nuntil the end", 1),
            ("GET /", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab", 1), ("GET /", "HTTP/1.1 200 O", 1),
            ("CONNECT a:1", "HTTP/1.1 407 No\r\nContent-Length: 1\r\n\r\na", 0),
        ]
    )
    func ends(request: String, text: String, left: Int) {
        #expect(Self.outcome([request], text) == (.following, left: left))
    }

    @Test(
        "another protocol is bytes from there on",
        arguments: [
            ("GET /", "HTTP/1.1 101 Switching\r\nUpgrade: x\r\n\r\n"), ("CONNECT a:1", "HTTP/1.1 200 OK\r\n\r\n"),
        ]
    )
    func switched(request: String, text: String) {
        #expect(Self.outcome([request], text).0 == .switched)
    }

    @Test(
        "what cannot be understood is no message",
        arguments: [
            "HTTP/1.1 200 OK\nContent-Length: 1\n\n", "SSH-2.0-x\r\n", "HTTP/1.1 20 OK\r\n", "HTTP/1.1 2000 OK\r\n\r\n",
            "HTTP/1.1 099 OK\r\n\r\n", "\r\nHTTP/1.1 200 OK\r\n\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
            "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n",
            "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nabc",
        ]
    )
    func lost(text: String) {
        #expect(Self.outcome(["GET /"], text).0 == .lost)
    }

    @Test("an answer to nothing is no message")
    func unsolicited() {
        #expect(Self.outcome([], "HTTP/1.1 408 Timeout\r\n\r\n").0 == .lost)
    }

    @Test(
        "whether anything follows an answer is known",
        arguments: [
            ("HTTP/1.1 200 OK\r\n", false), ("HTTP/1.1 200 OK\r\nConnection: x, Close\r\n", true),
            ("HTTP/1.0 200 OK\r\n", true), ("HTTP/1.0 200 OK\r\nConnection: keep-alive\r\n", false),
        ]
    )
    func last(head: String, isLast: Bool) {
        var follower = ResponseFollower()
        for expectation in Self.expectations(["GET /"]) { follower.expect(expectation) }
        #expect(follower.follow(ByteBuffer(string: head + "Content-Length: 0\r\n\r\n")) == .following)
        #expect(follower.isLast == isLast)
    }

    @Test("a request for another protocol is pending until its final answer begins")
    func pending() {
        var follower = ResponseFollower()
        for expectation in Self.expectations(["GET /", "CONNECT a:1"]) { follower.expect(expectation) }
        #expect(follower.follow(ByteBuffer(string: "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n")) == .following)
        #expect(follower.isSwitchPending)
        #expect(follower.follow(ByteBuffer(string: "HTTP/1.1 103 E\r\n\r\n")) == .following)
        #expect(follower.isSwitchPending)
        #expect(follower.follow(ByteBuffer(string: "HTTP/1.1 403 No\r\nContent-Length: 9\r\n\r\n")) == .following)
        #expect(!follower.isSwitchPending)
        #expect(follower.outstanding == 1)
    }

    @Test("however the bytes are cut, all responses are counted", arguments: 0..<100)
    func splits(seed: UInt64) {
        var random = SplitMix64(seed: seed &+ 77)
        let count = Int.random(in: 1...8, using: &random)
        var text = ""
        for _ in 0..<count { text += Sample.response(&random) }
        let requests = Array(repeating: "GET /", count: count)
        #expect(Self.outcome(requests, text) == (.following, left: 0))
        for _ in 0..<5 {
            #expect(Self.outcome(requests, FollowedConnection.pieces(text, &random)) == (.following, left: 0))
        }
        #expect(Self.outcome(requests + ["GET /"], text) == (.following, left: 1))
    }
}
