import TestSupport

@testable import HTTP2

/// Makes requests and responses of the differential test of HTTP/2, from a seed.
struct FrameMaker {
    /// What becomes of a request.
    enum Kind: CaseIterable {
        /// Both ends come to theirs, in whatever order.
        case plain
        /// The ends answer each other's messages, as gRPC's streams do.
        case dialogue
        /// The client resets.
        case cancelled
        /// The server resets.
        case refused
        /// The server resets after it has answered, as it wants no more of the request.
        case enough
        /// The client takes nothing, or the server, until others are through.
        case stuckDownload, stuckUpload
        /// The server says GOAWAY.
        case leaving
    }

    private static let codes: [UInt32] = [8, 8, 7, 2, 1, 11, 0x1234_5678, 0xFFFF_FFFF]

    private var random: SplitMix64

    init(seed: UInt64) { random = SplitMix64(seed: seed) }

    // MARK: Requests with their responses

    mutating func exchange(
        _ number: Int,
        _ wanted: Kind? = nil,
        who: String? = nil,
        releasedBy other: Int = 0
    ) -> FramePlan.Exchange {
        let kinds: [Kind] = [.plain, .plain, .plain, .plain, .plain, .dialogue, .cancelled, .refused, .enough]
        let kind = wanted ?? pick(kinds)
        var exchange = FramePlan.Exchange(number: number, who: who ?? pick(["app", "usr"]))
        let method = pick(["GET", "GET", "POST", "POST", "PUT", "DELETE", "HEAD", "OPTIONS", "PROPFIND", "M-SEARCH"])
        var head = head(method, number, exchange.who)
        switch kind {
        case .plain, .leaving: plain(&exchange, &head, method, leaves: kind == .leaving)
        case .dialogue: dialogue(&exchange, head)
        case .cancelled: cancelled(&exchange, head)
        case .refused: refused(&exchange, head)
        case .enough: enough(&exchange, head)
        case .stuckDownload:
            exchange.request.steps = [.fields(head, ends: true, style())]
            exchange.request.isHeld = true
            exchange.response.steps = [.fields(answer("200"), ends: false, marked())] + body(1_500_000, style()) + end()
        case .stuckUpload:
            exchange.request.steps = [.fields(head, ends: false, style())] + body(900_000, style()) + end()
            exchange.isLeftBehind = true
            exchange.response.steps = [.await(.end), .fields(answer("200"), ends: true, marked())]
            exchange.response.isHeld = true
            exchange.response.heldUntil = other
        }
        return exchange
    }

    private mutating func plain(
        _ exchange: inout FramePlan.Exchange,
        _ head: inout HeaderBlock,
        _ method: String,
        leaves: Bool
    ) {
        let isBare = ["GET", "HEAD", "DELETE", "OPTIONS"].contains(method) ? !chance(6) : chance(8)
        let size = isBare ? 0 : size()
        if size > 0, chance(2) { head.append(HeaderField("content-length", "\(chance(30) ? size + 1 : size)")) }
        var (request, response): ([FrameStep], [FrameStep]) = ([], [])
        let expects = size > 0 && !leaves && chance(6)
        if expects {
            head.append(HeaderField("expect", "100-continue"))
            response.append(.fields([HeaderField(":status", "100")], ends: false, style()))
        }
        if isBare {
            request.append(.fields(head, ends: true, style()))
        } else {
            request.append(.fields(head, ends: false, style()))
            if expects { request.append(.await(.fields(1))) }
            request += junk() + body(size, style()) + junk() + end()
        }
        // At once, in the middle, or when the request is complete.
        switch number(0...3) {
        case 0: break
        case 1 where size > 1: response.append(.await(.bytes(size / 2)))
        default: response.append(.await(.end))
        }
        for _ in 0..<(chance(5) ? number(1...3) : 0) {
            var hints: HeaderBlock = [HeaderField(":status", pick(["103", "103", "102", "199"]))]
            odd(&hints, number(0...3))
            response.append(.fields(hints, ends: false, style()))
        }
        if leaves { response.append(.goAway) }
        response += wholeAnswer(method)
        exchange.request.steps = request
        exchange.response.steps = response
    }

    /// A response in good order, whole.
    private mutating func wholeAnswer(_ method: String) -> [FrameStep] {
        let status = pick(["200", "200", "200", "201", "204", "206", "301", "304", "404", "500", "599", "777"])
        var head = answer(status)
        let isBare = method == "HEAD" || ["204", "304"].contains(status)
        let size = isBare ? 0 : size()
        if chance(2) { head.append(HeaderField("content-length", "\(isBare ? 77 : size)")) }
        if isBare || chance(8) { return [.fields(head, ends: true, marked())] }
        return [.fields(head, ends: false, marked())] + junk() + body(size, style()) + end()
    }

    private mutating func dialogue(_ exchange: inout FramePlan.Exchange, _ head: HeaderBlock) {
        var request: [FrameStep] = [.fields(head, ends: false, style())]
        var response: [FrameStep] = []
        let answersAtOnce = chance(2)
        if answersAtOnce { response.append(.fields(answer("200"), ends: false, marked())) }
        var (asked, answered) = (0, 0)
        for round in 0..<number(1...6) {
            let (question, reply) = (number(1...3000), number(1...3000))
            asked += question
            answered += reply
            request += [.body(question, ends: false, style()), .await(.bytes(answered))]
            response.append(.await(.bytes(asked)))
            if round == 0, !answersAtOnce { response.append(.fields(answer("200"), ends: false, marked())) }
            response.append(.body(reply, ends: false, style()))
        }
        request += end()
        if chance(2) { response.append(.await(.end)) }
        response += end()
        exchange.request.steps = request
        exchange.response.steps = response
    }

    private mutating func cancelled(_ exchange: inout FramePlan.Exchange, _ head: HeaderBlock) {
        let code = chance(6) ? 0 : pick(Self.codes)
        let part = number(0...4000)
        let start = [FrameStep.fields(head, ends: false, style())] + body(part, style())
        let reset = FrameStep.reset(code, keeping: nil)
        let answers = FrameStep.fields(answer("200"), ends: false, marked())
        switch chance(40) ? 2 : pick([0, 1, 3, 4]) {
        case 0:
            // At once, or with the request's end, of which the server knows then.
            exchange.request.steps = start + (chance(3) ? end() : []) + [reset]
            exchange.response.steps = [.await(.reset)]
        case 1:
            exchange.request.steps = start + (chance(2) ? end() : []) + [.await(.fields(1)), reset]
            exchange.response.steps = [.await(.bytes(part)), answers, .await(.reset)]
        case 2:
            // In the middle of a response that is more than all windows.
            let count = number(1...100_000)
            exchange.request.steps = start + [.await(.bytes(count)), .reset(code, keeping: count)]
            exchange.response.steps = [.await(.bytes(part)), answers] + body(1_500_000, style()) + [.await(.reset)]
        case 3:
            // With the response there, of which the client has enough.
            exchange.request.steps = start + [.await(.end), reset]
            exchange.response.steps = [.await(.bytes(part))] + wholeAnswer("POST") + [.await(.reset)]
        default:
            // In the middle of a request of which nothing is taken any more.
            exchange.request.steps = start + [.await(.fields(1)), reset]
            exchange.response.steps = [answers, .await(.reset)]
            exchange.response.isHeld = true
        }
    }

    private mutating func refused(_ exchange: inout FramePlan.Exchange, _ head: HeaderBlock) {
        let code = pick(Self.codes)
        let size = size()
        let all = [FrameStep.fields(head, ends: false, style())] + body(size, style()) + end()
        let answers = FrameStep.fields(answer(pick(["200", "500"])), ends: false, marked())
        switch number(0...3) {
        case 0:
            exchange.request.steps = chance(2) ? [.fields(head, ends: true, style())] : all
            exchange.response.steps = [.reset(chance(2) ? 7 : code, keeping: 0)]
        case 1:
            exchange.request.steps = all
            exchange.response.steps =
                [.await(.end), answers] + body(number(0...8000), style()) + [.reset(code, keeping: nil)]
        case 2:
            // While the request comes.
            let count = number(1...5000)
            exchange.request.steps =
                [.fields(head, ends: false, style())] + body(chance(20) ? 2_000_000 : 8000, style()) + end()
            exchange.response.steps = [.await(.bytes(count))]
            if chance(2) { exchange.response.steps += [answers] + body(number(0...4000), style()) }
            exchange.response.steps.append(.reset(code, keeping: count))
        default:
            // An interim response is all that comes.
            exchange.request.steps = all
            exchange.response.steps = [
                .await(.end), .fields([HeaderField(":status", "103")], ends: false, style()),
                .reset(code, keeping: nil),
            ]
        }
    }

    private mutating func enough(_ exchange: inout FramePlan.Exchange, _ head: HeaderBlock) {
        let part = number(0...4000)
        exchange.request.steps =
            [.fields(head, ends: false, style())] + body(part, style()) + [.await(.reset)]
        var response: [FrameStep] = [.await(.bytes(part))]
        if chance(3) {
            response.append(.fields(answer("413"), ends: true, marked()))
        } else {
            response.append(.fields(answer("413"), ends: false, marked()))
            response += body(chance(20) ? 300_000 : size(), style()) + end()
        }
        exchange.response.steps = response + [.reset(chance(2) ? 0 : pick(Self.codes), keeping: nil)]
    }

    // MARK: Fields

    private mutating func head(_ method: String, _ number: Int, _ who: String) -> HeaderBlock {
        let path = pick([
            "/", "/\(number)", "/a%00b?x=\"{}|^`\\", "/\u{e9}?\u{ff}", "*", "/a b", "//", "/x?x-user:me", "http://h/",
        ])
        var pseudo = [
            HeaderField(":method", chance(30) ? method.lowercased() : method),
            HeaderField(":scheme", pick(["http", "https"])),
            HeaderField(":authority", pick(["app", "app:80", "u@[::1]:8080"])), HeaderField(":path", path),
        ]
        if chance(4) { pseudo.shuffle(using: &random) }
        if chance(20) { pseudo.removeAll { $0.name == ":authority" } }
        var block = HeaderBlock(pseudo)
        odd(&block, self.number(0...5))
        let wanted = [["me"], ["me"], [" me\t"], ["you", "me"], ["me", "you"]]
        let others = [[], [], ["you"], ["me2"], ["me, x"], [""], ["Me"]]
        for value in pick(who == "usr" ? wanted : others) { block.append(HeaderField("x-user", value)) }
        odd(&block, self.number(0...3))
        block.append(HeaderField("x-number", "\(number)"))
        return block
    }

    private mutating func answer(_ status: String) -> HeaderBlock {
        var block: HeaderBlock = [HeaderField(":status", status)]
        odd(&block, number(0...5))
        return block
    }

    /// Adds so many fields that servers and clients do not see every day.
    private mutating func odd(_ block: inout HeaderBlock, _ count: Int) {
        for _ in 0..<count {
            switch number(0...15) {
            case 0: add(&block, "x-twice", pick(["1", "2", "3"]))
            case 1: add(&block, "x-empty", "")
            case 2: add(&block, "x-blank", pick([" ", " a", "a\t", "\t"]))
            case 3:
                add(
                    &block,
                    "x-bytes-bin",
                    (0..<number(1...40)).map { _ in UInt8.random(in: 0x80...255, using: &random) }
                )
            case 4, 5, 6:
                for crumb in 0..<number(1...3) {
                    add(&block, "cookie", "c\(crumb)=" + pick(["", "a; b", "x-user=me"]))
                }
            case 7: add(&block, "te", pick(["trailers", "trailers", "gzip"]))
            case 8: add(&block, "grpc-timeout", "\(number(1...99))S")
            case 9: add(&block, "authorization", "Bearer " + String(repeating: "t", count: number(1...60)))
            case 10: add(&block, "set-cookie", "a=\(number(0...9)); Path=/")
            // What HTTP/2 forbids (RFC 9113, 8.2), and servers judge in ways of their own.
            case 11:
                if chance(4) {
                    add(&block, pick(["connection", "keep-alive", "upgrade", "transfer-encoding"]), "close")
                }
            case 12: if chance(4) { add(&block, pick(["X-Upper", "Content-Type"]), "v") }
            case 13: if chance(8) { add(&block, "x-large", String(repeating: "l", count: number(1000...20_000))) }
            case 14: if chance(16) { for other in 0..<100 { add(&block, "x-many-\(other % 70)", "\(other)") } }
            default: add(&block, "x-\(number(0...9))", "value \(number(0...999))")
            }
        }
    }

    private mutating func add(_ block: inout HeaderBlock, _ name: String, _ value: String) {
        add(&block, name, Array(value.utf8))
    }

    private mutating func add(_ block: inout HeaderBlock, _ name: String, _ value: [UInt8]) {
        let neverIndexed = chance(6)
        Array(name.utf8).withUnsafeBufferPointer { name in
            value.withUnsafeBufferPointer { block.append(name: name, value: $0, neverIndexed: neverIndexed) }
        }
    }

    // MARK: Bodies and frames

    private mutating func size() -> Int {
        if chance(500) { return number(1_000_000...2_500_000) }
        if chance(20) { return number(20_000...80_000) }
        return chance(5) ? 0 : number(1...2000)
    }

    private mutating func body(_ count: Int, _ style: FrameStyle) -> [FrameStep] {
        guard count > 0 else { return chance(3) ? [.body(0, ends: false, style)] : [] }
        var style = style
        style.most = count > 20_000 ? pick([16_384, 16_384, 64_000]) : pick([16_384, max(300, count / 8)])
        return [.body(count, ends: false, style)]
    }

    /// The last frame: DATA, or trailers.
    private mutating func end() -> [FrameStep] {
        switch number(0...2) {
        case 0: return [.body(0, ends: true, style())]
        case 1: return [.body(number(1...500), ends: true, style())]
        default:
            var trailers: HeaderBlock = [HeaderField("grpc-status", "\(number(0...16))")]
            odd(&trailers, number(0...4))
            return [.fields(trailers, ends: true, style())]
        }
    }

    private mutating func junk() -> [FrameStep] {
        guard chance(8) else { return [] }
        return [chance(2) ? .junk(type: 2, length: 5) : .junk(type: pick([0x42, 0xFA]), length: number(0...50))]
    }

    private mutating func style() -> FrameStyle {
        var style = FrameStyle()
        if chance(6) { style.padding = pick([0, 1, 255]) }
        if chance(8) { style.fragments = number(2...4) }
        style.hasPriority = chance(10)
        style.isIndexed = chance(2)
        return style
    }

    private mutating func marked() -> FrameStyle {
        var style = style()
        style.isMarked = true
        return style
    }

    // MARK: Random numbers

    mutating func chance(_ one: Int) -> Bool { number(1...one) == 1 }

    mutating func number(_ range: ClosedRange<Int>) -> Int { Int.random(in: range, using: &random) }

    mutating func pick<Value>(_ values: [Value]) -> Value { values[number(0...values.count - 1)] }
}
