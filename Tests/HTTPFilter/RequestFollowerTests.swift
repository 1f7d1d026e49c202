import NIOCore
import TestSupport
import Testing

@testable import HTTPFilter

@Suite struct RequestFollowerTests {
    @Test("a request without body ends with its head, and the next one follows")
    func plain() {
        let one = "GET /a?b=c HTTP/1.1\r\nHost: x\r\n\r\n"
        let two = "HEAD http://x.test:80/p/q?r HTTP/1.0\r\n\r\n"
        let three = "OPTIONS * HTTP/1.1\r\nHost:\tx \r\n\r\n"
        #expect(
            FollowedConnection.follow(one + two + three) == [
                .request(head: one, path: "/a", body: ""), .request(head: two, path: "/p/q", body: ""),
                .request(head: three, path: "*", body: ""),
            ]
        )
    }

    @Test("a body ends where its length or its chunks say")
    func bodies() {
        let length = "POST / HTTP/1.1\r\ncontent-LENGTH:  5\r\n\r\n"
        let chunked = "POST /c HTTP/1.1\r\nTransfer-Encoding: Chunked\r\n\r\n"
        let chunks = "5;a=\"b\"\r\nhello\r\n1A  \r\n\(String(repeating: "x", count: 26))\r\n0\r\nT: 1\r\nU: 2\r\n\r\n"
        let next = "GET / HTTP/1.1\r\n\r\n"
        #expect(
            FollowedConnection.follow(length + "GET /" + chunked + chunks + "\r\n" + next) == [
                .request(head: length, path: "/", body: "GET /"), .request(head: chunked, path: "/c", body: chunks),
                .request(head: "\r\n" + next, path: "/", body: ""),
            ]
        )
    }

    @Test(
        "what is malformed, or could be understood in two ways, is not followed, from its first byte on",
        arguments: [
            "GET / HTTP/1.1\nHost: x\n\n", "GET / HTTP/1.1\r\nA: b\nC: d\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\rC: d\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\0c\r\n\r\n", "GET / HTTP/1.1\r\nA : b\r\n\r\n", "GET / HTTP/1.1\r\n: b\r\n\r\n",
            "GET / HTTP/1.1\r\nA: b\r\n c: d\r\n\r\n", "GET / HTTP/1.1\r\n A: b\r\n\r\n",
            "GET / HTTP/1.1\r\nAb\r\n\r\n",
            "GET /  HTTP/1.1\r\n\r\n", "GET  / HTTP/1.1\r\n\r\n", "GET /a b HTTP/1.1\r\n\r\n", "GET HTTP/1.1\r\n\r\n",
            "GET / HTTP/2.0\r\n\r\n", "GET / HTTP/1.2\r\n\r\n", "GET / http/1.1\r\n\r\n", "GET /\r\n\r\n",
            "G\u{e9}T / HTTP/1.1\r\n\r\n", "GET / HTTP/1.1 \r\n\r\n", "\r\n\r\n\r\n\r\n\r\nGET / HTTP/1.1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 1, 1\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: +1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: -1\r\n\r\n", "POST / HTTP/1.1\r\nContent-Length: 0x1\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length: 1234567890123456789\r\n\r\n",
            "POST / HTTP/1.1\r\nContent-Length:\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: ,chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked,\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked, gzip\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: chunked, chunked\r\n\r\n",
            "POST / HTTP/1.1\r\nTransfer-Encoding: xchunked\r\n\r\n", "POST / HTTP/1.1\r\nTransfer-Encoding:\r\n\r\n",
            "POST / HTTP/1.0\r\nTransfer-Encoding: chunked\r\n\r\n",
            "CONNECT a:1 HTTP/1.1\r\nContent-Length: 1\r\n\r\n",
            "GET / HTTP/1.1\r\nA: \(String(repeating: "b", count: 65_536))\r\n\r\n",
        ]
    )
    func malformed(text: String) {
        let first = "GET /first HTTP/1.1\r\n\r\n"
        let whole = text + "GET /smuggled HTTP/1.1\r\n\r\n"
        let expected: [FollowedConnection.Entry] = [
            .request(head: first, path: "/first", body: ""), .malformed(rest: whole),
        ]
        #expect(FollowedConnection.follow(first + whole) == expected)
        let bytes = Array((first + whole).utf8)
        // In single bytes the rest behind the mistake is not looked at either.
        if bytes.count < 1000 {
            let slow = FollowedConnection.follow(bytes.indices.map { bytes[$0...$0] })
            #expect(slow.entries == expected)
        }
    }

    @Test(
        "bad chunks end the following inside the body",
        arguments: [
            "5\nhello\r\n", "g\r\n", "\r\n", ";a\r\n", "5x\r\nhello\r\n", "5 x\r\nhello\r\n", "5\r\nhelloX\r\n",
            "5\r\nhello\rX", "1234567890123456\r\n", "-1\r\n", "0x5\r\nhello\r\n", "0\r\n: a\r\n\r\n",
            "0\r\n a\r\n\r\n",
            "0\r\nA: b\n\r\n", "0\r\n\rX", "0;\(String(repeating: "a", count: 5000))",
            "0\r\nA: \(String(repeating: "a", count: 70_000))",
        ]
    )
    func chunks(text: String) {
        let head = "POST / HTTP/1.1\r\nTransfer-Encoding: chunked\r\n\r\n"
        let entries = FollowedConnection.follow(head + text)
        guard case .malformed = entries.last else {
            Issue.record("\(entries)")
            return
        }
        #expect(entries.count == 2)
    }

    @Test("what a request means for its response is known")
    func expectations() {
        let text = [
            "HEAD / HTTP/1.1\r\n\r\n", "head / HTTP/1.1\r\n\r\n", "CONNECT a:1 HTTP/1.1\r\n\r\n",
            "GET / HTTP/1.1\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\r\n",
        ]
        let found = FollowedConnection.follow([Array(text.joined().utf8)[...]]).expectations
        #expect(found.map(\.isHead) == [true, false, false, false])
        #expect(found.map(\.isConnect) == [false, false, true, false])
        #expect(found.map(\.maySwitch) == [false, false, true, true])
    }

    @Test("fields are found by name in any case and by their whole value")
    func fields() {
        let text =
            "GET http://h/p?q#f HTTP/1.1\r\nHost: h\r\nX-User:\t a b \r\nx-user: c\r\nX: \r\nX-User-Id: d\r\n\r\n"
        var follower = RequestFollower()
        Array(text.utf8).withUnsafeBytes { bytes in
            #expect(follower.look(bytes) == .head(bytes.count))
            let view = follower.view(bytes)
            #expect(String(decoding: view.path, as: UTF8.self) == "/p")
            func has(_ name: String, _ value: String) -> Bool {
                view.contains(name: Array(name.utf8), value: Array(value.utf8))
            }
            #expect(has("x-user", "a b"))
            #expect(has("x-user", "c"))
            #expect(has("x", ""))
            #expect(has("x-user-id", "d"))
            #expect(!has("x-user", "a"))
            #expect(!has("x-user", "d"))
            #expect(!has("user", "c"))
            #expect(!has("get http", "//h/p?q#f HTTP/1.1"))
        }
    }

    @Test("however the bytes are cut, the same is found", arguments: 0..<100)
    func splits(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var text = ""
        for _ in 0..<Int.random(in: 1...8, using: &random) { text += Sample.request(&random) }
        if Bool.random(using: &random) { text += Sample.mutated(Sample.request(&random), &random) }
        let bytes = Array(text.utf8)
        let whole = FollowedConnection.follow([bytes[...]])
        #expect(FollowedConnection.follow(bytes.indices.map { bytes[$0...$0] }).entries == whole.entries)
        for _ in 0..<5 {
            let cut = FollowedConnection.follow(FollowedConnection.pieces(text, &random))
            #expect(cut.entries == whole.entries)
        }
        #expect(whole.expectations.count >= 1)
    }

    @Test("no bytes make it trap, and none is lost", arguments: 0..<40)
    func noise(seed: UInt64) {
        var random = SplitMix64(seed: seed &+ 1000)
        for _ in 0..<50 {
            let text = Sample.mutated(Sample.request(&random) + Sample.request(&random), &random)
            let entries = FollowedConnection.follow(text)
            let all = entries.map { entry in
                switch entry {
                case .request(let head, _, let body): head + body
                case .malformed(let rest), .partial(let rest): rest
                }
            }
            #expect(all.joined() == String(decoding: Array(text.utf8), as: UTF8.self))
        }
    }
}
