import Call
import Testing

@Suite struct CallStateMachineTests {
    private let head = [":status": "200", "content-type": CallFields.contentType]

    private func ended(_ actions: [CallStateMachine.Action]) -> CallStatus? {
        for case .end(let status) in actions { return status }
        return nil
    }

    @Test("A unary response delivers its message and ends with its status")
    func unary() {
        var machine = CallStateMachine(.client)
        machine.ended()
        #expect(machine.headers(head, endStream: false) == [])
        #expect(machine.data([0, 0, 0, 0, 2, 7, 8]) == [.deliver([7, 8])])
        #expect(machine.headers(["tp-status": "0"], endStream: true) == [.end(.ok)])
        let isDone = machine.isDone
        #expect(isDone)
        #expect(machine.closed(.finished) == [])
    }

    @Test("A status in the head ends the call, with its message decoded")
    func trailersOnly() {
        var machine = CallStateMachine(.client)
        machine.ended()
        let fields = [":status": "200", "tp-status": "5", "tp-message": "no %C3%A9 100%25"]
        #expect(machine.headers(fields, endStream: true) == [.end(CallStatus(.notFound, "no é 100%"))])
    }

    @Test("A request that is open when the status comes is reset")
    func earlyStatus() {
        var machine = CallStateMachine(.client)
        _ = machine.headers(head, endStream: false)
        #expect(machine.headers(["tp-status": "0"], endStream: true) == [.end(.ok), .reset])
    }

    @Test(
        "A response that breaks the rules ends with a status",
        arguments: [
            ([":status": "404"], CallCode.unavailable),
            ([":status": "200"], .unknown),
            ([":status": "200", "content-type": "text/html"], .unknown),
        ]
    )
    func badHead(fields: [String: String], code: CallCode) {
        var machine = CallStateMachine(.client)
        let actions = machine.headers(fields, endStream: false)
        #expect(ended(actions)?.code == code)
        #expect(actions.last == .reset)
    }

    @Test("An end without status, within a message or without head is an error")
    func badEnds() {
        var first = CallStateMachine(.client)
        first.ended()
        _ = first.headers(head, endStream: false)
        #expect(ended(first.peerEnded())?.code == .unknown)
        var second = CallStateMachine(.client)
        _ = second.headers(head, endStream: false)
        _ = second.data([0, 0, 0, 0, 2, 7])
        #expect(ended(second.headers(["tp-status": "0"], endStream: true))?.code == .internal)
        var third = CallStateMachine(.client)
        #expect(ended(third.peerEnded())?.code == .unknown)
        var fourth = CallStateMachine(.server)
        _ = fourth.data([0, 0, 0])
        #expect(fourth.peerEnded().contains(.trailers(CallStatus(.internal, "the request ended within a message"))))
    }

    @Test("A message over the limit is refused by its length alone", arguments: [true, false])
    func oversize(client: Bool) {
        var machine = CallStateMachine(client ? .client : .server, limit: 16)
        if client { _ = machine.headers(head, endStream: false) }
        let actions = machine.data([0, 0, 0, 0, 17])
        #expect(ended(actions)?.code == .resourceExhausted)
        if client {
            #expect(actions.last == .reset)
        } else {
            guard case .trailers(let status)? = actions.last else {
                Issue.record("no trailers")
                return
            }
            #expect(status.code == .resourceExhausted)
        }
        #expect(machine.data([1, 2, 3]) == [])
    }

    @Test("A server answers once, whatever comes after")
    func server() {
        var machine = CallStateMachine(.server)
        #expect(machine.data([0, 0, 0, 0, 0]) == [.deliver([])])
        #expect(machine.peerEnded() == [.end(.ok)])
        #expect(machine.finished(.ok) == [.trailers(.ok)])
        #expect(machine.finished(.ok) == [])
        #expect(machine.deadline() == [])
        #expect(machine.closed(.reset(8)) == [])
    }

    @Test("Deadline, cancel, reset and loss end a call on both sides")
    func abnormal() {
        var deadline = CallStateMachine(.client)
        #expect(deadline.deadline().last == .reset)
        var late = CallStateMachine(.server)
        _ = late.peerEnded()
        let status = CallStatus(.deadlineExceeded, "the deadline has passed")
        #expect(late.deadline() == [.stop(status), .trailers(status)])
        var cancelled = CallStateMachine(.client)
        #expect(ended(cancelled.cancelled())?.code == .cancelled)
        var reset = CallStateMachine(.server)
        let stopped = CallStatus(.cancelled, "the other side cancelled the call")
        #expect(reset.closed(.reset(8)) == [.end(stopped), .stop(stopped)])
        var lost = CallStateMachine(.client)
        #expect(ended(lost.closed(.linkLost("gone")))?.code == .unavailable)
        var refused = CallStateMachine(.client)
        #expect(ended(refused.closed(.reset(7)))?.code == .unavailable)
    }

    @Test("Frames come out the same wherever the bytes are cut")
    func splitPoints() throws {
        let messages: [[UInt8]] = [[1, 2, 3], [], [9], Array(repeating: 5, count: 300)]
        let bytes = messages.flatMap { MessageFrames.frame($0) ?? [] }
        for cut in 0...bytes.count {
            var frames = MessageFrames()
            let first = try frames.take(bytes[..<cut])
            let second = try frames.take(bytes[cut...])
            #expect(first + second == messages)
            #expect(frames.isEmpty)
        }
        var frames = MessageFrames()
        #expect(try bytes.flatMap { try frames.take([$0]) } == messages)
        #expect(throws: MessageFrames.Failure.flags(1)) { try frames.take([1, 0, 0, 0, 0]) }
        #expect(MessageFrames.frame([1, 2], limit: 1) == nil)
    }

    @Test("Timeouts are written and read as gRPC does")
    func timeouts() {
        #expect(CallTimeout.text(.milliseconds(500)) == "500m")
        #expect(CallTimeout.text(.zero) == "1m")
        #expect(CallTimeout.text(.microseconds(1500)) == "2m")
        #expect(CallTimeout.text(.seconds(200_000)) == "200000S")
        #expect(CallTimeout.parse("500m") == .milliseconds(500))
        #expect(CallTimeout.parse("2H") == .seconds(7200))
        #expect(CallTimeout.parse("99999999H") == .seconds(3600) * 99_999_999)
        for bad in ["", "5", "m", "-1m", "123456789m", "5x", "5 m", "٣m"] { #expect(CallTimeout.parse(bad) == nil) }
    }

    @Test("Percent encoding gives back every text")
    func percent() {
        for text in ["", "plain", "100%", "é€😀", "a\nb\u{7F}", "%41"] {
            let encoded = PercentEncoding.encode(text)
            #expect(encoded.utf8.allSatisfy { (0x20...0x7E).contains($0) })
            #expect(PercentEncoding.decode(encoded) == text)
        }
        #expect(PercentEncoding.decode("%4") == "%4")
        #expect(PercentEncoding.decode("%zz%") == "%zz%")
    }
}
