internal import HTTP2
internal import NIOCore

/// One request and its answer on an HTTP/2 stream.
///
/// Confined to the link's event loop.
///
/// Concurrency model: made anywhere, then touched on the event loop alone; only the reference travels.
final class APIExchange {
    /// How an exchange failed on the way.
    enum Failure: Error {
        /// The stream or the link was lost. `processed`: the server may have acted on the request.
        case lost(detail: String, processed: Bool)
        /// There was no link to send it on.
        case unconnected(any Error)
        case timedOut
        case cancelled
        case tooLarge(limit: Int)
    }

    /// A whole answer.
    struct Response: Sendable {
        var status: Int
        var retryAfter: String?
        var body: ByteBuffer
    }

    /// What to do with the body of a successful answer.
    enum Body {
        case collected
        /// Pieces are handed over as they come; the taker calls ``consume(_:)``. The end is reported once.
        case streamed(piece: (ByteBuffer) -> Void, end: (Failure?) -> Void)
    }

    /// The most of an answer that is collected.
    private static let limit = 256 << 20

    private let body: Body
    /// Called once: the whole answer, or, when streamed, as soon as its head says success (then with an empty body).
    private let finish: (Result<Response, Failure>) -> Void
    private var stream: HTTP2Stream?
    private var timer: Scheduled<Void>?
    private var status: Int?
    private var retryAfter: String?
    private var collected = ByteBuffer()
    private var answered = false
    private var over = false

    init(body: Body, finish: @escaping (Result<Response, Failure>) -> Void) {
        self.body = body
        self.finish = finish
    }

    /// Sends the request.
    ///
    /// Call once, on the loop.
    func start(_ fields: [HeaderField], _ content: ByteBuffer?, on link: Link) {
        guard !over else { return }
        let stream: HTTP2Stream
        do throws(HTTP2Error) {
            stream = try link.open(fields, endStream: content == nil)
        } catch {
            return fail(.lost(detail: "\(error)", processed: false))
        }
        self.stream = stream
        stream.onHeaders = { [weak self] fields, _ in self?.headers(fields) }
        stream.onData = { [weak self] buffer in self?.data(buffer) }
        stream.onEnd = { [weak self] in self?.ended() }
        stream.onClose = { reason in
            // The stream keeps the exchange alive until here.
            self.closed(reason)
        }
        if let content {
            stream.write(content)
            stream.end()
        }
    }

    /// Gives up after a time, counted from now, unless the answer (when streamed: its head) came.
    func limit(_ time: TimeAmount, on eventLoop: any EventLoop) {
        timer = eventLoop.assumeIsolated().scheduleTask(in: time) { self.fail(.timedOut) }
    }

    /// The caller no longer wants it.
    func cancel() {
        fail(.cancelled)
    }

    /// Fails from outside, before the request was sent.
    func fail(_ failure: Failure) {
        guard !over else { return }
        over = true
        timer?.cancel()
        stream?.reset(.cancel)
        report(failure)
    }

    /// Makes room for more of a streamed answer.
    func consume(_ bytes: Int) {
        guard !over else { return }
        stream?.consume(bytes)
    }

    private func report(_ failure: Failure) {
        if !answered {
            answered = true
            finish(.failure(failure))
        } else if case .streamed(_, let end) = body {
            end(failure)
        }
    }

    private func headers(_ fields: [HeaderField]) {
        guard !over, status == nil else { return }
        for field in fields {
            switch field.name {
            case ":status": status = Int(field.value)
            case "retry-after": retryAfter = field.value
            default: break
            }
        }
        guard let status else { return fail(.lost(detail: "an answer without status", processed: true)) }
        if case .streamed = body, 200..<300 ~= status {
            answered = true
            timer?.cancel()
            finish(.success(Response(status: status, retryAfter: retryAfter, body: ByteBuffer())))
        }
    }

    private func data(_ buffer: ByteBuffer) {
        guard !over else { return }
        if answered, case .streamed(let piece, _) = body { return piece(buffer) }
        stream?.consume(buffer.readableBytes)
        guard collected.readableBytes + buffer.readableBytes <= Self.limit else {
            return fail(.tooLarge(limit: Self.limit))
        }
        collected.writeImmutableBuffer(buffer)
    }

    private func ended() {
        guard !over else { return }
        guard let status else { return fail(.lost(detail: "an answer without head", processed: true)) }
        over = true
        timer?.cancel()
        if !answered {
            answered = true
            finish(.success(Response(status: status, retryAfter: retryAfter, body: collected)))
        } else if case .streamed(_, let end) = body {
            end(nil)
        }
    }

    private func closed(_ reason: StreamCloseReason) {
        guard !over else { return }
        over = true
        timer?.cancel()
        switch reason {
        case .finished: report(.lost(detail: "the answer ended early", processed: true))
        case .reset(let code):
            report(.lost(detail: "the server reset the request (\(code))", processed: code != .refusedStream))
        case .linkLost(let reason): report(.lost(detail: "\(reason)", processed: true))
        }
    }
}

// Confined to the link's loop, see "Concurrency model" above.
extension APIExchange: @unchecked Sendable {}
