import TestSupport

/// What one connection of the differential test says, from a seed.
struct DifferentialPlan {
    /// Something that is said, and the text that is waited for before more is.
    struct Step {
        var text: String
        var awaited: String?
    }

    private(set) var steps: [Step] = []
    /// Who answers each request, in order.
    private(set) var marks: [String] = []
    /// Requests.
    private(set) var count = 0

    private var random: SplitMix64
    private let isPatient: Bool

    /// A connection of so many requests, beginning with number `first`.
    init(seed: UInt64, first: Int, count: Int) {
        random = SplitMix64(seed: seed)
        isPatient = Bool.random(using: &random)
        for number in first..<first + count - 1 { addRequest(number, isLast: false) }
        addEnd(first + count - 1)
        self.count = count
    }

    /// The text in pieces, cut at random places.
    mutating func pieces(_ text: String) -> [[UInt8]] {
        var rest = Array(text.utf8)[...]
        var pieces: [[UInt8]] = []
        let most = [7, 200, 5000].randomElement(using: &random) ?? 200
        // Few connections are cut into very small pieces: each of them costs a system call, or several.
        while !rest.isEmpty, pieces.count < 100 {
            let count = min(rest.count, Int.random(in: 1...most, using: &random))
            pieces.append(Array(rest.prefix(count)))
            rest = rest.dropFirst(count)
        }
        if !rest.isEmpty { pieces.append(Array(rest)) }
        return pieces
    }

    // MARK: Requests

    private mutating func say(_ text: String, awaiting awaited: String? = nil) {
        if !isPatient, let last = steps.indices.last, steps[last].awaited == nil {
            steps[last].text += text
        } else {
            steps.append(Step(text: text))
        }
        if isPatient { steps[steps.count - 1].awaited = awaited }
    }

    private mutating func addRequest(_ number: Int, isLast: Bool, _ last: String = "", version: String = "1.1") {
        var kinds = ["plain", "plain", "chunked", "none", "same", "hints", "early", "final", "twice", "both"]
        if isLast { kinds.append("end") }
        let kind = pick(kinds)
        let method = pick(["GET", "GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PROPFIND"])
        let (start, who) = self.head(method, number, kind, version)
        var head = start + last
        let (field, body) = self.body(method, version)
        head += field
        let answered = end(method, kind, number, who)
        if !body.isEmpty, isPatient, version == "1.1", chance(3) {
            head += pick(["Expect: 100-continue\r\n", "EXPECT:100-continue\r\n"])
            if kind == "early" || kind == "final" {
                say(head + "\r\n", awaiting: kind == "early" ? answered : nil)
                say(body, awaiting: kind == "early" ? nil : answered)
            } else {
                say(head + "\r\n", awaiting: "HTTP/1.1 100 Continue\r\n\r\n")
                say(body, awaiting: answered)
            }
        } else {
            // RFC 9112, 2.2, but for the first one, by which the protocol is known.
            say((!steps.isEmpty && chance(20) ? "\r\n" : "") + head + "\r\n" + body, awaiting: answered)
        }
        marks.append("\(who):\(number)")
    }

    private mutating func head(
        _ method: String,
        _ number: Int,
        _ kind: String,
        _ version: String = "1.1"
    ) -> (String, who: String) {
        let target = pick(["", "http://h"]) + "/\(number)/\(kind)" + pick(["", "?a=b", ";x", "/%20?x-user:me"])
        var head = "\(method) \(target) HTTP/\(version)\r\nHost: h\r\n"
        for other in 0..<Int.random(in: 0...3, using: &random) {
            head += "X-\(other):" + pick(["", " ", "\t"]) + pick(["v", "me", "a, b", "\"q\"", "\u{e9}"])
            head += pick(["", " "]) + "\r\n"
        }
        let wanted = ["X-User: me\r\n", "x-user:me\r\n", "X-USER:\t me \r\n", "X-User: you\r\nX-User: me\r\n"]
        let others = ["", "X-User: you\r\n", "X-User: me2\r\n", "X-User-2: me\r\n", "X-User: me, x\r\n", "X-User:\r\n"]
        let isWanted = Bool.random(using: &random)
        return (head + pick(isWanted ? wanted : others), isWanted ? "usr" : "app")
    }

    private mutating func body(_ method: String, _ version: String) -> (field: String, text: String) {
        if ["GET", "HEAD"].contains(method), !chance(8) { return ("", "") }
        if version == "1.0" || Bool.random(using: &random) {
            let text = String(repeating: "b\r\n\r\nGET /", count: Int.random(in: 0...60, using: &random))
            return ("Content-Length: \(text.utf8.count)\r\n", text)
        }
        var text = ""
        for _ in 0..<Int.random(in: 0...5, using: &random) {
            let count = Int.random(in: 1...200, using: &random)
            text += pick(["", "00"]) + String(count, radix: 16, uppercase: Bool.random(using: &random))
            text += pick(["", ";x", ";x=\"y\""]) + "\r\n" + String(repeating: "c", count: count) + "\r\n"
        }
        text += pick(["0", "000"]) + "\r\n" + pick(["", "X-User: me\r\n", "A: b\r\nC: d\r\n"]) + "\r\n"
        return (pick(["Transfer-Encoding: chunked\r\n", "transfer-encoding:Chunked\r\n"]), text)
    }

    /// The last bytes of an answer.
    private func end(_ method: String, _ kind: String, _ number: Int, _ who: String) -> String {
        if method == "HEAD" || kind == "none" || kind == "same" { return "X-Id: \(who):\(number)\r\n\r\n" }
        guard kind == "chunked" || kind == "both" else { return "\(who):\(number)#\n" }
        return "\(who):\(number)#\n\r\n0\r\n" + (number % 2 == 1 ? "X-Trailer: t\r\n" : "") + "\r\n"
    }

    // MARK: The last one

    private mutating func addEnd(_ number: Int) {
        switch Int.random(in: 0..<6, using: &random) {
        case 0:
            let malformed = [
                "GET /\(number)/plain HTTP/1.1\nHost: h\nX-User: me\n\n",
                "GET /\(number)/plain HTTP/1.1\r\nX-User: me\r\n  more\r\n\r\n",
                "GET /\(number)/plain HTTP/1.1\r\nX-User: me\r\nA : b\r\n\r\n",
                "POST /\(number)/plain HTTP/1.1\r\nX-User: me\r\nContent-Length: 3\r\n"
                    + "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
                "POST /\(number)/plain HTTP/1.1\r\nX-User: me\r\nContent-Length: 3\r\nContent-Length: 4\r\n\r\nabcd",
                "GET  /\(number)/plain HTTP/1.1\r\nX-User: me\r\n\r\n", "\u{16}\u{3}\u{1}hello\r\n\r\n",
                "hello\r\n\r\n",
                "GET /\(number)/plain HTTP/3.0\r\nX-User: me\r\n\r\n",
            ]
            say(pick(malformed) + "GET /99/plain HTTP/1.1\r\nX-User: me\r\n\r\n")
            marks.append("app:0")
        case 1:
            let (head, who) = self.head("GET", number, "upgrade")
            say(head + "Connection: Upgrade\r\nUpgrade: echo\r\n\r\n", awaiting: "X-Id: \(who):\(number)\r\n\r\n")
            say("GET /1/plain HTTP/1.1\r\nX-User: me\r\n\r\n\u{1}binary")
            marks.append("\(who):\(number)")
        case 2:
            // Part of a head, and the end.
            say("GET /\(number)/plain HTTP/1.1\r\nX-User: me\r\nA: ")
            marks.append("app:0")
        case 3: addRequest(number, isLast: true, "Connection: close\r\n")
        case 4: addRequest(number, isLast: true, "Connection: close\r\n", version: "1.0")
        default: addRequest(number, isLast: true)
        }
    }

    private mutating func chance(_ one: Int) -> Bool { Int.random(in: 0..<one, using: &random) == 0 }

    private mutating func pick(_ texts: [String]) -> String { texts.randomElement(using: &random) ?? "" }
}
