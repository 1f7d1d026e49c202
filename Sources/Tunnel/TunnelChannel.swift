internal import DequeModule
package import HTTP2
package import NIOCore

/// A channel over an HTTP/2 stream, so that whatever works on a socket works on a tunnel: splices, TLS, HTTP.
///
/// Half-close, reset and back-pressure are those of the stream. Confined to the stream's loop: only the reference travels.
package final class TunnelChannel: Channel, ChannelCore {
    /// How long a closed channel's stream may wait for the far end's last byte.
    private static let lingering = TimeAmount.seconds(30)

    package let eventLoop: any EventLoop
    package let allocator = ByteBufferAllocator()
    package private(set) lazy var pipeline = ChannelPipeline(channel: self)
    package private(set) var isActive = false

    private let stream: HTTP2Stream
    private let closePromise: EventLoopPromise<Void>
    /// What came and was not asked for yet.
    private var inbound: Deque<ByteBuffer> = []
    private var autoRead = false
    private var readWanted = false
    private var isDelivering = false
    /// Something was delivered since the last `channelReadComplete`.
    private var delivered = false
    private var inputEnded = false
    private var inputEndTold = false
    private var outputEnded = false
    private var streamClosed = false
    private var isClosed = false

    private init(_ stream: HTTP2Stream) {
        self.stream = stream
        eventLoop = stream.link.eventLoop
        closePromise = eventLoop.makePromise(of: Void.self)
    }

    /// Makes a channel that does not read yet; on the stream's loop.
    ///
    /// The stream is open both ways; its callbacks are taken over.
    package static func open(_ stream: HTTP2Stream) -> TunnelChannel {
        let channel = TunnelChannel(stream)
        stream.onData = { channel.streamData($0) }
        stream.onReadComplete = { channel.streamReadComplete() }
        stream.onEnd = { channel.streamEnd() }
        stream.onWritable = { channel.pipeline.fireChannelWritabilityChanged() }
        stream.onClose = { channel.streamClosed($0) }
        channel.isActive = true
        channel.pipeline.fireChannelRegistered()
        channel.pipeline.fireChannelActive()
        return channel
    }

    package var closeFuture: EventLoopFuture<Void> { closePromise.futureResult }
    package var localAddress: SocketAddress? { nil }
    package var remoteAddress: SocketAddress? { nil }
    package var parent: (any Channel)? { stream.link.channel }
    package var isWritable: Bool { !isClosed && stream.isWritable }
    // The name is SwiftNIO's.
    // swift-format-ignore: NoLeadingUnderscores
    package var _channelCore: any ChannelCore { self }
    package var syncOptions: (any NIOSynchronousChannelOptions)? { Options(channel: self) }

    /// Ends both ways at once; what is queued is dropped.
    package func reset() {
        guard !isClosed else { return }
        if !streamClosed { stream.reset(.connectError) }
        becomeInactive()
    }

    /// Ends both ways behind what was written, as far as the far end takes it at present.
    func resetInOrder() {
        guard !isClosed else { return }
        if !streamClosed { stream.resetInOrder(.connectError) }
        becomeInactive()
    }

    // MARK: From the stream

    private func streamData(_ buffer: ByteBuffer) {
        if isClosed {
            // As a closed socket answers what still comes.
            return stream.reset(.connectError)
        }
        inbound.append(buffer)
        if readWanted { deliver() }
    }

    private func streamReadComplete() {
        completeRead()
    }

    private func streamEnd() {
        inputEnded = true
        tellInputEnd()
    }

    private func streamClosed(_ reason: StreamCloseReason) {
        streamClosed = true
        inputEnded = true
        guard !isClosed else { return }
        if reason == .finished {
            outputEnded = true
            if inbound.isEmpty { becomeInactive() }
        } else {
            // As of a socket, what came before the reset is read, asked for or not.
            while !isClosed, let buffer = inbound.popFirst() {
                delivered = true
                pipeline.fireChannelRead(buffer)
            }
            completeRead()
            guard !isClosed else { return }
            // SwiftNIO keeps `eof` to itself.
            pipeline.fireErrorCaught(ChannelError.inputClosed)
            becomeInactive()
        }
    }

    // MARK: To the pipeline

    /// Passes on what has come, as long as somebody reads.
    private func deliver() {
        guard !isDelivering else { return }
        isDelivering = true
        while readWanted, !isClosed, let buffer = inbound.popFirst() {
            delivered = true
            let count = buffer.readableBytes
            pipeline.fireChannelRead(buffer)
            if !streamClosed { stream.consume(count) }
        }
        isDelivering = false
        tellInputEnd()
    }

    private func completeRead() {
        guard delivered, !isClosed else { return }
        delivered = false
        readWanted = false
        pipeline.fireChannelReadComplete()
        if autoRead, !isClosed { pipeline.read() }
    }

    private func tellInputEnd() {
        guard inputEnded, inbound.isEmpty, !isClosed else { return }
        completeRead()
        if !inputEndTold {
            inputEndTold = true
            pipeline.fireUserInboundEventTriggered(ChannelEvent.inputClosed)
        }
        if streamClosed, !isClosed { becomeInactive() }
    }

    private func becomeInactive() {
        guard !isClosed else { return }
        isClosed = true
        isActive = false
        inbound = []
        pipeline.fireChannelInactive()
        pipeline.fireChannelUnregistered()
        // Handlers may still be at work further up in this very call.
        eventLoop.assumeIsolated().execute {
            self.removeHandlers(pipeline: self.pipeline)
            self.closePromise.succeed(())
        }
    }

    // MARK: From the pipeline

    package func read0() {
        readWanted = true
        guard !inbound.isEmpty, !isDelivering else { return }
        eventLoop.assumeIsolated().execute {
            self.deliver()
            self.completeRead()
        }
    }

    package func write0(_ data: NIOAny, promise: EventLoopPromise<Void>?) {
        guard !isClosed, !outputEnded, !streamClosed else {
            promise?.fail(isClosed ? ChannelError.ioOnClosedChannel : ChannelError.outputClosed)
            return
        }
        stream.write(unwrapData(data, as: ByteBuffer.self))
        promise?.succeed(())
    }

    package func flush0() {}

    package func close0(error: any Error, mode: CloseMode, promise: EventLoopPromise<Void>?) {
        guard !isClosed else {
            promise?.fail(ChannelError.alreadyClosed)
            return
        }
        switch mode {
        case .input: promise?.fail(ChannelError.operationUnsupported)
        case .output:
            endOutput()
            promise?.succeed(())
        case .all:
            if !inbound.isEmpty, !streamClosed {
                // Nobody is going to read it: the far end is to know, as it would of a socket.
                stream.reset(.connectError)
            } else {
                endOutput()
                lingerForEnd()
            }
            becomeInactive()
            promise?.succeed(())
        }
    }

    private func endOutput() {
        guard !outputEnded else { return }
        outputEnded = true
        if !streamClosed { stream.end() }
    }

    private func lingerForEnd() {
        guard !inputEnded, !streamClosed else { return }
        let late = eventLoop.assumeIsolated().scheduleTask(in: Self.lingering) { [stream] in stream.reset(.cancel) }
        let closed = stream.onClose
        stream.onClose = { reason in
            late.cancel()
            closed?(reason)
        }
    }

    package func setOption<Option: ChannelOption>(_ option: Option, value: Option.Value) -> EventLoopFuture<Void> {
        set(option, to: value)
        return eventLoop.makeSucceededVoidFuture()
    }

    package func getOption<Option: ChannelOption>(_ option: Option) -> EventLoopFuture<Option.Value> {
        eventLoop.makeFailedFuture(ChannelError.operationUnsupported)
    }

    /// Those of sockets do not matter here.
    private func set<Option: ChannelOption>(_ option: Option, to value: Option.Value) {
        guard option is ChannelOptions.Types.AutoReadOption, let value = value as? Bool, value != autoRead else {
            return
        }
        autoRead = value
        if value, !isClosed { pipeline.read() }
    }

    /// Options without a future.
    private struct Options: NIOSynchronousChannelOptions {
        let channel: TunnelChannel

        func setOption<Option: ChannelOption>(_ option: Option, value: Option.Value) throws {
            channel.set(option, to: value)
        }

        func getOption<Option: ChannelOption>(_ option: Option) throws -> Option.Value {
            throw ChannelError.operationUnsupported
        }
    }

    // MARK: What a tunnel does not have

    package func localAddress0() throws -> SocketAddress { throw ChannelError.operationUnsupported }

    package func remoteAddress0() throws -> SocketAddress { throw ChannelError.operationUnsupported }

    package func register0(promise: EventLoopPromise<Void>?) { promise?.succeed(()) }

    package func registerAlreadyConfigured0(promise: EventLoopPromise<Void>?) { promise?.succeed(()) }

    package func bind0(to: SocketAddress, promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.operationUnsupported)
    }

    package func connect0(to: SocketAddress, promise: EventLoopPromise<Void>?) {
        promise?.fail(ChannelError.operationUnsupported)
    }

    package func triggerUserOutboundEvent0(_ event: Any, promise: EventLoopPromise<Void>?) { promise?.succeed(()) }

    package func channelRead0(_ data: NIOAny) {}

    package func errorCaught0(error: any Error) {}
}

// Confined to the stream's loop, as the type's comment says.
extension TunnelChannel: @unchecked Sendable {}
