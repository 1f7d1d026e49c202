import NIOCore

@testable import HTTP2

/// One end of a stream: what it does, and what it has seen.
///
/// Confined to its peer's loop.
final class FrameStream {
    /// Of the request, over all connections.
    let number: Int
    let isServer: Bool
    /// 0 before it is opened.
    var id: Int32 = 0
    let script: FrameScript
    private(set) var seen: [FrameSight] = []
    /// The step that is next.
    private(set) var place = 0
    /// Bytes of the present step, and of all steps, that were sent.
    var sentOfStep = 0
    var sent = 0
    /// What the peer takes.
    var window = 0
    /// Bytes that came whose window was not given back.
    var owed = 0
    var isHeld: Bool
    var hasReset = false
    private(set) var received = 0
    private var blocks = 0
    private var hasEnded = false
    private var wasReset = false
    private var isLost = false

    init(_ number: Int, _ script: FrameScript, isServer: Bool) {
        self.number = number
        self.script = script
        self.isServer = isServer
        isHeld = script.isHeld
    }

    var step: FrameStep? {
        script.steps.indices.contains(place) && !wasReset && !hasReset && !isLost ? script.steps[place] : nil
    }

    /// Nothing more is to be done or to come.
    var isComplete: Bool { hasReset || wasReset || isLost || (hasEnded && place == script.steps.count) }

    func advance() {
        place += 1
        sentOfStep = 0
    }

    func has(_ event: FrameEvent) -> Bool {
        switch event {
        case .fields(let count): blocks >= count
        case .bytes(let count): received >= count
        case .end: hasEnded
        case .reset: wasReset
        }
    }

    // MARK: What came

    func came(_ block: HeaderBlock, ends: Bool) {
        blocks += 1
        seen.append(.fields(block, ends: ends))
        if ends { hasEnded = true }
    }

    func came(_ part: ByteBuffer, ends: Bool) {
        if part.readableBytes > 0 {
            if !FramePattern.isRight(number, isResponse: !isServer, from: received, part) {
                seen.append(.wrong(at: received))
            }
            received += part.readableBytes
            if case .body(let count) = seen.last {
                seen[seen.count - 1] = .body(count + part.readableBytes)
            } else {
                seen.append(.body(part.readableBytes))
            }
        }
        guard ends else { return }
        hasEnded = true
        seen.append(.end)
    }

    func cameReset(_ code: UInt32) {
        wasReset = true
        seen.append(.reset(code))
    }

    func lose() {
        guard !isComplete else { return }
        isLost = true
        seen.append(.lost)
    }

    /// Tells no more than so many bytes: how many more there were depends on time.
    func keep(_ count: Int) {
        guard
            let place = seen.firstIndex(where: {
                if case .body(let there) = $0 { there >= count } else { false }
            })
        else { return }
        seen.removeLast(seen.count - place)
        if count > 0 { seen.append(.body(count)) }
    }
}

extension FrameStream: CustomStringConvertible {
    var description: String {
        "request \(number) at step \(place) of \(script.steps.count), "
            + (step.map { "\($0)".prefix(60) + ", " } ?? "") + "has seen \(seen)"
    }
}
