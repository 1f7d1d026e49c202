package import NIOCore
package import TLS

/// Puts TLS into a pipeline: ciphertext below, plaintext above.
///
/// May stand in one pipeline more than once.
///
/// Fires ``TLSHandshakeCompleted`` upwards when the handshake is done; earlier writes wait for it. A failure is fired as
/// `errorCaught(TLSError)`, the peer gets the alert, and the channel closes. The peer's closing alert is fired as
/// `ChannelEvent.inputClosed`: writing goes on. `close(mode: .output)` sends the closing alert and closes the output
/// below; `close(mode: .all)` sends it, too. Flushes within one read burst are put off to its end.
package final class TLSHandler: ChannelDuplexHandler {
    package typealias InboundIn = ByteBuffer
    package typealias InboundOut = ByteBuffer
    package typealias OutboundIn = ByteBuffer
    package typealias OutboundOut = ByteBuffer

    /// User outbound event: the connection is about to be cut, without the closing alert.
    package struct Abort: Sendable {
        package init() {}
    }

    private enum State { case idle, handshaking, open, over }

    private let tlsContext: TLSContext
    private let role: TLSSession.Role
    private let deadline: TimeAmount
    private let acceptsPlainEnd: Bool
    private var session: TLSSession?
    private var state = State.idle
    private var timer: Scheduled<Void>?
    private var packer = RecordPacker(allocator: ByteBufferAllocator())
    /// Writes that wait for the handshake.
    private var waiting: [(buffer: ByteBuffer, promise: EventLoopPromise<Void>?)] = []
    private var waitingClose: [EventLoopPromise<Void>?] = []
    /// Promises of writes that are packed but not handed down yet.
    private var promises: [EventLoopPromise<Void>] = []
    private var outputClosed = false
    private var inputClosed = false
    private var flushWanted = false
    private var aborted = false
    private var reading = false
    private var readWanted = false

    /// Makes a handler for one connection.
    ///
    /// - Parameters:
    ///   - context: Credentials, trust and application protocols.
    ///   - role: Client, with the server's name to check, or server.
    ///   - handshakeDeadline: Time from the channel's start to the end of the handshake.
    ///   - acceptsPlainEnd: A peer that ends without the closing alert, as many do, is taken for one that has said it.
    package init(
        context: TLSContext,
        role: TLSSession.Role,
        handshakeDeadline: TimeAmount = .seconds(10),
        acceptsPlainEnd: Bool = false
    ) {
        self.acceptsPlainEnd = acceptsPlainEnd
        self.tlsContext = context
        self.role = role
        self.deadline = handshakeDeadline
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        self.packer = RecordPacker(allocator: context.channel.allocator)
        if context.channel.isActive { self.start(context) }
    }

    package func handlerRemoved(context: ChannelHandlerContext) { self.end(ChannelError.ioOnClosedChannel) }

    package func channelActive(context: ChannelHandlerContext) {
        self.start(context)
        context.fireChannelActive()
    }

    package func channelInactive(context: ChannelHandlerContext) {
        if self.state != .over, !self.isPlainEnd, let error = self.session?.endOfInput() {
            self.end(error)
            context.fireErrorCaught(error)
        } else {
            self.end(ChannelError.ioOnClosedChannel)
        }
        context.fireChannelInactive()
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let session = self.session, self.state != .over else { return }
        self.reading = true
        var input = self.unwrapInboundIn(data)
        var opened = TLSSession.Opened()
        repeat {
            var plaintext = context.channel.allocator.buffer(capacity: max(input.readableBytes, 512))
            input.readWithUnsafeReadableBytes { source in
                plaintext.writeWithUnsafeMutableBytes(minimumWritableBytes: 0) { room in
                    opened = session.open(source, into: room)
                    return opened.plaintext
                }
                return opened.consumed
            }
            self.apply(opened, plaintext, context)
        } while opened.more && self.state != .over
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        self.reading = false
        context.fireChannelReadComplete()
        if self.flushWanted { self.flushNow(context) }
        // Somebody asked for bytes, but what came held none for them.
        if self.state == .handshaking || (self.readWanted && self.state == .open) { context.read() }
    }

    package func read(context: ChannelHandlerContext) {
        self.readWanted = true
        context.read()
    }

    package func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let buffer = self.unwrapOutboundIn(data)
        if self.outputClosed {
            promise?.fail(ChannelError.outputClosed)
            return
        }
        switch self.state {
        case .idle, .handshaking: self.waiting.append((buffer, promise))
        case .open: self.seal(buffer, promise, context)
        case .over: promise?.fail(ChannelError.ioOnClosedChannel)
        }
    }

    package func flush(context: ChannelHandlerContext) {
        if self.reading || self.state != .open {
            self.flushWanted = true
        } else {
            self.flushNow(context)
        }
    }

    package func close(context: ChannelHandlerContext, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        switch mode {
        case .input: context.close(mode: mode, promise: promise)
        case .output:
            if self.state == .idle || self.state == .handshaking {
                self.outputClosed = true
                self.waitingClose.append(promise)
            } else {
                self.sayGoodbye(context)
                context.close(mode: mode, promise: promise)
            }
        case .all:
            self.sayGoodbye(context)
            self.end(ChannelError.ioOnClosedChannel)
            context.close(mode: mode, promise: promise)
        }
    }

    package func triggerUserOutboundEvent(
        context: ChannelHandlerContext,
        event: Any,
        promise: EventLoopPromise<Void>?
    ) {
        if event is Abort { self.aborted = true }
        context.triggerUserOutboundEvent(event, promise: promise)
    }

    package func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case is TLSHandshakeCompleted:
            // Meant for what stands between a lower TLS handler and this one.
            break
        case ChannelEvent.inputClosed:
            guard self.state != .over, !self.inputClosed else { return }
            if self.isPlainEnd {
                self.inputClosed = true
                return context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
            }
            if let error = self.session?.endOfInput() { self.fail(error, context) }
        default: context.fireUserInboundEventTriggered(event)
        }
    }
}

extension TLSHandler {
    /// Whether an end without the closing alert is one in good order.
    private var isPlainEnd: Bool { self.acceptsPlainEnd && self.state == .open }

    private func start(_ context: ChannelHandlerContext) {
        guard self.state == .idle else { return }
        self.state = .handshaking
        let session: TLSSession
        do throws(TLSError) {
            session = try TLSSession(context: self.tlsContext, role: self.role)
        } catch {
            return self.fail(error, context)
        }
        self.session = session
        self.timer = context.eventLoop.assumeIsolated().scheduleTask(in: self.deadline) {
            if self.state == .handshaking { self.fail(.handshakeTimedOut, context) }
        }
        session.start()
        self.flushNow(context)
        context.read()
    }

    /// Passes on what one call of the session brought.
    private func apply(_ opened: TLSSession.Opened, _ plaintext: ByteBuffer, _ context: ChannelHandlerContext) {
        if opened.established { self.established(context) } else { self.sendHandshake(context) }
        if opened.plaintext > 0 {
            self.readWanted = false
            context.fireChannelRead(self.wrapInboundOut(plaintext))
        }
        if opened.peerClosed, self.state == .open {
            self.inputClosed = true
            context.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        }
        if let failure = opened.failure, self.state != .over { self.fail(failure, context) }
    }

    private func established(_ context: ChannelHandlerContext) {
        self.timer?.cancel()
        self.timer = nil
        self.state = .open
        let writes = self.waiting
        self.waiting = []
        for (buffer, promise) in writes where self.state == .open { self.seal(buffer, promise, context) }
        self.flushNow(context)
        let closes = self.waitingClose
        self.waitingClose = []
        for promise in closes {
            self.sayGoodbye(context)
            context.close(mode: .output, promise: promise)
        }
        let event = TLSHandshakeCompleted(
            alpn: self.session?.alpn,
            peer: self.session?.peerCertificate,
            askedForCertificate: self.session?.wasAskedForCertificate ?? false
        )
        context.fireUserInboundEventTriggered(event)
    }

    private func seal(_ buffer: ByteBuffer, _ promise: EventLoopPromise<Void>?, _ context: ChannelHandlerContext) {
        guard let session = self.session else { return }
        if let promise { self.promises.append(promise) }
        do throws(TLSError) {
            try self.packer.pack(buffer, with: session) { context.write(self.wrapOutboundOut($0), promise: nil) }
        } catch {
            self.fail(error, context)
        }
    }

    /// Sends what the session itself has to say, if anything.
    private func sendHandshake(_ context: ChannelHandlerContext) {
        guard let output = self.session?.takeOutput(), !output.isEmpty else { return }
        self.packer.add(output)
        self.flushNow(context)
    }

    private func flushNow(_ context: ChannelHandlerContext) {
        self.flushWanted = false
        guard let session = self.session else { return }
        var last: ByteBuffer?
        do throws(TLSError) {
            try self.packer.flush(with: session) { buffer in
                if let last { context.write(self.wrapOutboundOut(last), promise: nil) }
                last = buffer
            }
        } catch {
            return self.fail(error, context)
        }
        let promise = self.takePromise(context)
        if let last {
            context.write(self.wrapOutboundOut(last), promise: promise)
        } else if let promise {
            context.write(self.wrapOutboundOut(ByteBuffer()), promise: promise)
        }
        context.flush()
    }

    /// One promise that stands for all that wait.
    private func takePromise(_ context: ChannelHandlerContext) -> EventLoopPromise<Void>? {
        guard let first = self.promises.first else { return nil }
        for other in self.promises.dropFirst() { first.futureResult.cascade(to: other) }
        self.promises.removeAll(keepingCapacity: true)
        return first
    }

    /// Sends the closing alert behind everything that was written.
    private func sayGoodbye(_ context: ChannelHandlerContext) {
        self.outputClosed = true
        guard self.state == .open, !self.aborted else { return }
        self.flushNow(context)
        self.session?.close()
        self.sendHandshake(context)
    }

    private func fail(_ error: TLSError, _ context: ChannelHandlerContext) {
        guard self.state != .over else { return }
        // Best effort: the peer learns why.
        if let alert = self.session?.takeOutput(), !alert.isEmpty {
            context.writeAndFlush(self.wrapOutboundOut(ByteBuffer(bytes: alert)), promise: nil)
        }
        self.end(error)
        context.fireErrorCaught(error)
        context.close(promise: nil)
    }

    /// Forgets everything that waits.
    private func end(_ error: any Error) {
        self.state = .over
        self.timer?.cancel()
        self.timer = nil
        let failed = self.waiting.compactMap(\.promise) + self.waitingClose.compactMap { $0 } + self.promises
        self.waiting = []
        self.waitingClose = []
        self.promises = []
        for promise in failed { promise.fail(error) }
    }
}
