package import HTTP2
package import NIOCore

/// A copy of what one connection says, on its way to a workstation; it can never hold the connection up.
///
///     opening ──opened──► open ──end──► ending ──the far side has closed──► over
///        │                  │             │
///        └──────failed, cut or abandoned──┴───────────────────────────────► over
///
/// What it cannot send at once it keeps, up to ``limit`` bytes; with more it is cut: the connection goes on, the copy does not.
/// What the far side answers is read and thrown away. Confined to the stream's loop.
package final class TapCopy {
    /// Bytes that a copy may be behind, beyond what is in flight in the tunnel's window.
    package static let limit = 256 << 10

    private enum State {
        case opening(held: [ByteBuffer], bytes: Int, ended: Bool)
        case open(HTTP2Stream)
        case ending(HTTP2Stream)
        case over
    }

    private var state = State.opening(held: [], bytes: 0, ended: false)
    private let limit: Int
    private let budget: TapBudget?
    /// Called once, when bytes of the connection were left out: the copy has been cut, or could not be made.
    private var onLoss: (() -> Void)?
    /// Called once, when it is over, for whatever reason.
    private var onOver: (() -> Void)?

    /// - Parameters:
    ///   - limit: bytes that it may be behind.
    ///   - budget: what it shares with others.
    ///   - onLoss: called when the copy lacks something; before `onOver`.
    ///   - onOver: called when it is over.
    package init(
        limit: Int = TapCopy.limit,
        budget: TapBudget? = nil,
        onLoss: @escaping () -> Void,
        onOver: @escaping () -> Void
    ) {
        self.limit = limit
        self.budget = budget
        self.onLoss = onLoss
        self.onOver = onOver
    }

    /// The connection has said its last byte.
    package var isEnding: Bool {
        switch self.state {
        case .opening(_, _, let ended): ended
        case .ending, .over: true
        case .open: false
        }
    }

    /// It is over: nothing more can be written.
    package var isOver: Bool { if case .over = self.state { true } else { false } }

    /// Bytes that are kept for it here.
    package var heldBytes: Int {
        switch self.state {
        case .opening(_, let bytes, _): bytes
        case .open(let stream), .ending(let stream): stream.queuedBytes
        case .over: 0
        }
    }

    /// Copies what the connection has said.
    package func write(_ buffer: ByteBuffer) {
        let bytes = buffer.readableBytes
        guard bytes > 0 else { return }
        switch self.state {
        case .opening(var held, let before, let ended):
            guard !ended else { return }
            guard self.takes(before + bytes, bytes) else { return self.cut() }
            self.state = .over
            held.append(Self.compact(buffer))
            self.state = .opening(held: held, bytes: before + bytes, ended: false)
        case .open(let stream):
            guard self.takes(stream.queuedBytes + bytes, bytes) else { return self.cut() }
            stream.write(Self.compact(buffer))
        case .ending, .over: break
        }
    }

    private func takes(_ all: Int, _ more: Int) -> Bool {
        all <= self.limit && self.budget?.allows(more, for: self) != false
    }

    /// The connection has ended in good order.
    package func end() {
        switch self.state {
        case .opening(let held, let bytes, _): self.state = .opening(held: held, bytes: bytes, ended: true)
        case .open(let stream):
            self.state = .ending(stream)
            stream.end()
        case .ending, .over: break
        }
    }

    /// The copy comes to nothing: whoever reads it sees a reset.
    ///
    /// What was said so far is not counted as lost.
    package func abandon() {
        self.onLoss = nil
        self.cut()
    }

    /// There is no room for it any more.
    package func cut() {
        let former = self.state
        self.state = .over
        switch former {
        case .open(let stream), .ending(let stream):
            Self.forget(stream)
            stream.reset(.cancel)
        case .opening: break
        case .over: return
        }
        self.finish(lost: true)
    }

    /// The tunnel has come about, or has not.
    package func opened(_ result: Result<HTTP2Stream, DialFailure>) {
        guard case .opening(let held, _, let ended) = self.state else {
            // Cut meanwhile.
            if case .success(let stream) = result { stream.reset(.cancel) }
            return
        }
        guard case .success(let stream) = result else {
            self.state = .over
            return self.finish(lost: true)
        }
        stream.onData = { [unowned stream] in stream.consume($0.readableBytes) }
        stream.onClose = { [self] _ in
            // Whoever closes before the end does not want the rest.
            let lost = if case .open = self.state { true } else { false }
            self.state = .over
            self.finish(lost: lost)
        }
        self.state = .open(stream)
        for buffer in held { stream.write(buffer) }
        if ended { self.end() }
    }

    private func finish(lost: Bool) {
        self.budget?.forget(self)
        let (onLoss, onOver) = (self.onLoss, self.onOver)
        self.onLoss = nil
        self.onOver = nil
        if lost { onLoss?() }
        onOver?()
    }

    private static func forget(_ stream: HTTP2Stream) {
        stream.onData = nil
        stream.onClose = nil
    }

    /// Small pieces of big buffers are copied, so that what is kept is what is counted.
    private static func compact(_ buffer: ByteBuffer) -> ByteBuffer {
        guard buffer.storageCapacity > 4 * buffer.readableBytes else { return buffer }
        return ByteBufferAllocator().buffer(buffer: buffer)
    }
}
