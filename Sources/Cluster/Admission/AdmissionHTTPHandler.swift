internal import Logging
internal import NIOCore
internal import NIOHTTP1

/// Speaks HTTP for ``AdmissionServer`` on one connection; confined to its event loop.
///
/// The pipeline below lets one request through at a time.
final class AdmissionHTTPHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private struct Incoming {
        var keepAlive: Bool
        var review: Bool
        /// The answer is decided before the body has come, which is then thrown away.
        var refusal: Answer?
        var body: [UInt8] = []
    }

    /// How long, and how far, a client may go on sending after its last answer.
    private static let lingerTime = TimeAmount.seconds(2)
    private static let discardLimit = 32 << 20

    private struct Answer {
        var status: HTTPResponseStatus
        var type = "text/plain; charset=utf-8"
        var headers: [(String, String)] = []
        var body: [UInt8]

        init(_ status: HTTPResponseStatus, _ text: String, headers: [(String, String)] = []) {
            self.status = status
            self.headers = headers
            body = Array((text + "\n").utf8)
        }

        init(review: JSONValue) {
            status = .ok
            type = "application/json"
            body = review.serialized()
        }
    }

    private let limits: AdmissionServer.Limits
    private let logger: Logger
    private let handler: AdmissionServer.Handler
    private var incoming: Incoming?
    private var task: Task<Void, Never>?
    private var timer: Scheduled<Void>?
    /// Ends the connection of a request that does not come to its end.
    private var arrival: Scheduled<Void>?
    /// Counts the reviews, so that a late answer is not taken for that of the next one.
    private var turn = 0
    private var waiting = false
    /// Bytes that came after the last answer, which nobody reads; nil before it.
    private var discarded: Int?

    init(limits: AdmissionServer.Limits, logger: Logger, handler: @escaping AdmissionServer.Handler) {
        self.limits = limits
        self.logger = logger
        self.handler = handler
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head): begin(head, context)
        case .body(let buffer): add(buffer, context)
        case .end: end(context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        giveUp()
        context.fireChannelInactive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { giveUp() }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        logger.debug("a webhook connection failed", metadata: ["error": "\(error)"])
        context.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is IdleStateHandler.IdleStateEvent:
            context.close(promise: nil)
        case ChannelEvent.inputClosed:
            // Who has closed half of it may still wait for an answer.
            if !waiting { context.close(promise: nil) }
        default:
            context.fireUserInboundEventTriggered(event)
        }
    }

    // MARK: - Requests

    private func begin(_ head: HTTPRequestHead, _ context: ChannelHandlerContext) {
        // The API server adds `?timeout=5s`.
        let path = head.uri.prefix { $0 != "?" }
        var incoming = Incoming(keepAlive: head.isKeepAlive, review: false)
        switch (path, head.method) {
        case ("/healthz", .GET), ("/healthz", .HEAD): break
        case ("/healthz", _):
            incoming.refusal = Answer(.methodNotAllowed, "use GET", headers: [("allow", "GET, HEAD")])
        case ("/traffic-agent", .POST):
            incoming.review = true
            let type = head.headers.first(name: "content-type")?.prefix { $0 != ";" } ?? ""
            if type.lowercased() != "application/json" {
                incoming.refusal = Answer(.unsupportedMediaType, "the content type must be application/json")
            } else if let length = head.headers.first(name: "content-length").flatMap({ Int($0) }),
                length > limits.bodySize
            {
                incoming.refusal = Answer(.payloadTooLarge, "the review is longer than \(limits.bodySize) bytes")
            }
        case ("/traffic-agent", _):
            incoming.refusal = Answer(.methodNotAllowed, "use POST", headers: [("allow", "POST")])
        default: incoming.refusal = Answer(.notFound, "nothing is here")
        }
        self.incoming = incoming
        arrival?.cancel()
        arrival = context.eventLoop.assumeIsolated().scheduleTask(in: limits.requestTime) {
            context.close(promise: nil)
        }
        if incoming.refusal == nil, head.headers.first(name: "expect")?.lowercased() == "100-continue" {
            let go = HTTPResponseHead(version: .http1_1, status: .continue)
            context.writeAndFlush(wrapOutboundOut(.head(go)), promise: nil)
        } else if incoming.refusal != nil, incoming.review {
            // The rest of the body is not worth reading.
            self.incoming?.keepAlive = false
            answerRefusal(context)
        }
    }

    private func add(_ buffer: ByteBuffer, _ context: ChannelHandlerContext) {
        if let before = discarded {
            discarded = before + buffer.readableBytes
            if before > Self.discardLimit { context.close(promise: nil) }
            return
        }
        guard incoming?.review == true, incoming?.refusal == nil else { return }
        incoming?.body.append(contentsOf: buffer.readableBytesView)
        if incoming?.body.count ?? 0 > limits.bodySize {
            incoming?.body = []
            incoming?.keepAlive = false
            incoming?.refusal = Answer(.payloadTooLarge, "the review is longer than \(limits.bodySize) bytes")
            answerRefusal(context)
        }
    }

    private func end(_ context: ChannelHandlerContext) {
        arrival?.cancel()
        arrival = nil
        // Nothing is left unread: closing resets nothing.
        if discarded != nil { return context.close(promise: nil) }
        guard let incoming else { return }
        if incoming.refusal != nil { return answerRefusal(context) }
        self.incoming = nil
        guard incoming.review else { return send(Answer(.ok, "ok"), keepAlive: incoming.keepAlive, context) }
        do throws(AdmissionRequest.Failure) {
            review(try AdmissionRequest(review: incoming.body), keepAlive: incoming.keepAlive, context)
        } catch {
            logger.warning("a webhook request is wrong", metadata: ["error": "\(error)"])
            send(Answer(.badRequest, error.description), keepAlive: incoming.keepAlive, context)
        }
    }

    private func answerRefusal(_ context: ChannelHandlerContext) {
        guard let incoming, let refusal = incoming.refusal else { return }
        self.incoming = nil
        send(refusal, keepAlive: incoming.keepAlive, context)
    }

    // MARK: - Reviews

    private func review(_ request: AdmissionRequest, keepAlive: Bool, _ context: ChannelHandlerContext) {
        turn += 1
        waiting = true
        let turn = turn
        let eventLoop = context.eventLoop
        let bound = NIOLoopBound((self, context), eventLoop: eventLoop)
        let handler = handler
        let logger = logger
        task = Task {
            let response: AdmissionResponse
            do {
                response = try await handler(request)
            } catch {
                logger.error(
                    "the webhook failed: the pod is let through unchanged",
                    metadata: ["namespace": "\(request.namespace)", "error": "\(error)"]
                )
                response = .allow(warnings: ["telepresence: no traffic agent was added: \(error)"])
            }
            let review = response.review(uid: request.uid)
            eventLoop.execute {
                let (handler, context) = bound.value
                handler.finish(turn, review, keepAlive: keepAlive, context)
            }
        }
        timer = eventLoop.assumeIsolated().scheduleTask(in: limits.handlerTime) {
            guard self.waiting, self.turn == turn else { return }
            self.task?.cancel()
            self.logger.error(
                "the webhook took too long: the pod is let through unchanged",
                metadata: ["namespace": "\(request.namespace)"]
            )
            let response = AdmissionResponse.allow(
                warnings: ["telepresence: no traffic agent was added: the traffic manager took too long"]
            )
            self.finish(turn, response.review(uid: request.uid), keepAlive: keepAlive, context)
        }
    }

    private func finish(_ turn: Int, _ review: JSONValue, keepAlive: Bool, _ context: ChannelHandlerContext) {
        guard waiting, self.turn == turn else { return }
        giveUp()
        send(Answer(review: review), keepAlive: keepAlive, context)
    }

    /// Waits for no handler any more.
    private func giveUp() {
        waiting = false
        arrival?.cancel()
        arrival = nil
        timer?.cancel()
        timer = nil
        task?.cancel()
        task = nil
    }

    private func send(_ answer: Answer, keepAlive: Bool, _ context: ChannelHandlerContext) {
        var headers = HTTPHeaders(answer.headers)
        headers.add(name: "content-type", value: answer.type)
        headers.add(name: "content-length", value: String(answer.body.count))
        if !keepAlive { headers.add(name: "connection", value: "close") }
        let head = HTTPResponseHead(version: .http1_1, status: answer.status, headers: headers)
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: answer.body)))), promise: nil)
        let sent = context.eventLoop.makePromise(of: Void.self)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: sent)
        guard !keepAlive else { return }
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        sent.futureResult.whenComplete { _ in
            let (handler, context) = bound.value
            handler.linger(context)
        }
    }

    /// Ends the output, and reads on for a while without looking at it.
    ///
    /// A socket that is closed with unread input resets the connection, and a client that still sends would lose the answer with
    /// it (RFC 9112 §9.6).
    private func linger(_ context: ChannelHandlerContext) {
        guard context.channel.isActive else { return }
        discarded = 0
        context.close(mode: .output, promise: nil)
        timer?.cancel()
        timer = context.eventLoop.assumeIsolated().scheduleTask(in: Self.lingerTime) { context.close(promise: nil) }
    }
}
