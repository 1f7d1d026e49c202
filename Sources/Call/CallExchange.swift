import DequeModule
import HTTP2
import NIOCore

/// One call on its stream, on either side: what ``CallStateMachine`` decides is done here.
///
/// Concurrency model: everything is touched on the link's loop alone; only the reference travels. Tasks come in by the
/// asynchronous methods, which hop once.
///
/// Back-pressure: received bytes are given back to the peer's window as long as fewer than ``queueLimit`` bytes of whole
/// messages wait for the reader. So a slow reader stalls its own stream and nothing else.
final class CallExchange {
    /// What a reader gets.
    enum Inbound: Sendable {
        case message([UInt8])
        case end(CallStatus)
    }

    /// Bytes of messages that wait for the reader before the window is held back.
    static let queueLimit = 256 << 10
    /// Bytes of `tp-message` that are sent at most, before encoding.
    private static let messageLimit = 4 << 10

    let eventLoop: any EventLoop
    private let stream: HTTP2Stream
    private var machine: CallStateMachine
    private let isServer: Bool
    private var headSent = false

    private var queue: Deque<[UInt8]> = []
    private var queuedBytes = 0
    private var heldCredit = 0
    private var ending: CallStatus?
    private var reader: CheckedContinuation<Inbound, Never>?
    private var writers: [CheckedContinuation<Bool, Never>] = []
    private var timer: Scheduled<Void>?
    /// Server: cancels the handler.
    private var handler: Task<Void, Never>?

    init(_ stream: HTTP2Stream, _ side: CallStateMachine.Side, timeout: Duration?) {
        self.stream = stream
        eventLoop = stream.link.eventLoop
        machine = CallStateMachine(side)
        isServer = side == .server
        stream.onHeaders = { fields, endStream in self.headers(fields, endStream) }
        stream.onData = { buffer in self.data(buffer) }
        stream.onEnd = { self.perform(self.machine.peerEnded()) }
        stream.onWritable = { self.release(true) }
        stream.onClose = { reason in self.perform(self.machine.closed(Self.closing(reason))) }
        if let timeout {
            let amount = TimeAmount(min(max(timeout, .zero), .seconds(31_536_000)))
            timer = eventLoop.scheduleTask(in: amount) { self.perform(self.machine.deadline()) }
        }
    }

    // MARK: from tasks

    /// The next message or the end; cancelling the task cancels the call.
    func next() async -> Inbound {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                eventLoop.execute { self.pull(continuation) }
            }
        } onCancel: {
            cancel()
        }
    }

    /// Sends one frame; returns when more may be sent, false when the call is over.
    func send(_ frame: [UInt8]) async -> Bool {
        await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                eventLoop.execute { self.push(frame, continuation) }
            }
        } onCancel: {
            cancel()
        }
    }

    /// Client: there will be no more requests.
    func endRequests() {
        eventLoop.execute {
            guard !self.machine.isDone else { return }
            self.machine.ended()
            self.stream.end()
        }
    }

    /// Gives the call up, from any thread.
    func cancel() {
        eventLoop.execute { self.perform(self.machine.cancelled()) }
    }

    /// Server: the handler has returned.
    func finish(_ status: CallStatus) {
        eventLoop.execute {
            self.handler = nil
            self.perform(self.machine.finished(status))
        }
    }

    /// Server, on the loop: the task to cancel when nobody waits for the answer any more.
    func setHandler(_ task: Task<Void, Never>) {
        if machine.isDone { task.cancel() } else { handler = task }
    }

    // MARK: on the loop

    private func headers(_ fields: [HeaderField], _ endStream: Bool) {
        var map: [String: String] = [:]
        for field in fields where map[field.name] == nil { map[field.name] = field.value }
        perform(machine.headers(map, endStream: endStream))
    }

    private func data(_ buffer: ByteBuffer) {
        perform(machine.data(buffer.readableBytesView))
        heldCredit += buffer.readableBytes
        giveCredit()
    }

    private func giveCredit() {
        guard heldCredit > 0, queuedBytes < Self.queueLimit else { return }
        stream.consume(heldCredit)
        heldCredit = 0
    }

    private func pull(_ continuation: CheckedContinuation<Inbound, Never>) {
        if let message = queue.popFirst() {
            queuedBytes -= message.count + MessageFrames.headLength
            giveCredit()
            continuation.resume(returning: .message(message))
        } else if let ending {
            continuation.resume(returning: .end(ending))
        } else if reader != nil {
            continuation.resume(returning: .end(CallStatus(.internal, "two tasks read from one call")))
        } else {
            reader = continuation
        }
    }

    private func push(_ frame: [UInt8], _ continuation: CheckedContinuation<Bool, Never>) {
        guard !machine.isDone else { return continuation.resume(returning: false) }
        sendHead()
        stream.write(ByteBuffer(bytes: frame))
        if stream.isWritable { continuation.resume(returning: true) } else { writers.append(continuation) }
    }

    private func release(_ go: Bool) {
        let waiting = writers
        writers = []
        for writer in waiting { writer.resume(returning: go) }
    }

    private func sendHead() {
        guard isServer, !headSent else { return }
        headSent = true
        stream.sendHeaders(
            [HeaderField(":status", "200"), HeaderField("content-type", CallFields.contentType)],
            endStream: false
        )
    }

    private func perform(_ actions: [CallStateMachine.Action]) {
        for action in actions {
            switch action {
            case .deliver(let message):
                if let waiting = reader {
                    reader = nil
                    waiting.resume(returning: .message(message))
                } else {
                    queue.append(message)
                    queuedBytes += message.count + MessageFrames.headLength
                }
            case .end(let status):
                ending = status
                reader?.resume(returning: .end(status))
                reader = nil
            case .stop:
                handler?.cancel()
                handler = nil
            case .trailers(let status): sendStatus(status)
            case .reset: stream.reset(.cancel)
            }
        }
        guard machine.isDone else { return }
        timer?.cancel()
        timer = nil
        release(false)
        // What still comes is dropped by the link, which gives the window back.
        stream.onData = nil
        if heldCredit > 0 {
            stream.consume(heldCredit)
            heldCredit = 0
        }
    }

    private func sendStatus(_ status: CallStatus) {
        var trailers = [HeaderField(CallFields.status, String(status.code.rawValue))]
        if !status.message.isEmpty {
            let text = String(decoding: status.message.utf8.prefix(Self.messageLimit), as: UTF8.self)
            trailers.append(HeaderField(CallFields.message, PercentEncoding.encode(text)))
        }
        if headSent { return stream.end(trailers: trailers) }
        headSent = true
        let head = [HeaderField(":status", "200"), HeaderField("content-type", CallFields.contentType)]
        stream.sendHeaders(head + trailers, endStream: true)
    }

    private static func closing(_ reason: StreamCloseReason) -> CallStateMachine.Closing {
        switch reason {
        case .finished: .finished
        case .reset(let code): .reset(code.rawValue)
        case .linkLost(let reason): .linkLost(reason.description)
        }
    }
}

// Confined to the link's loop, see "Concurrency model" above; only the reference travels.
extension CallExchange: @unchecked Sendable {}
