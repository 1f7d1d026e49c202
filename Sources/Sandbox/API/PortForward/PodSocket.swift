import NIOCore

/// One connection into a pod, as a port-forward uses it.
///
/// Confined to the event loop that the port-forward is on.
final class PodSocket: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    /// What happens to the connection.
    struct Callbacks {
        var data: (ByteBuffer) -> Void
        /// A burst of reads is over.
        var readComplete: () -> Void
        /// The pod sends no more.
        var end: () -> Void
        /// All over; with an error when the connection broke; called once.
        var close: ((any Error)?) -> Void
        /// There is room again, or none.
        var writability: () -> Void
    }

    private let port: Int
    private var channel: (any Channel)?
    private var callbacks: Callbacks?
    /// What came before the connection was there.
    private var early: [ByteBuffer] = []
    private var earlyEnd = false
    private var failure: (any Error)?
    private var over = false
    private var reading: Bool
    private var ended = false

    /// Starts to connect; `failed` gets the text for the user.
    init(
        _ target: PodTarget,
        port: Int,
        on loop: any EventLoop,
        reading: Bool,
        callbacks: Callbacks,
        failed: @escaping (String) -> Void
    ) {
        self.port = port
        self.reading = reading
        self.callbacks = callbacks
        let bound = NIOLoopBound((self, failed), eventLoop: loop)
        target.connect(port: port, on: loop).whenComplete { result in
            let (this, failed) = bound.value
            switch result {
            case .success(let channel): this.connected(channel)
            case .failure(let error):
                this.over = true
                this.callbacks = nil
                failed(target.explain(error, port: port))
            }
        }
    }

    /// Whether more can be written without piling up.
    var isWritable: Bool {
        guard let channel = self.channel else { return self.early.count < 64 }
        return channel.isWritable
    }

    /// Queues bytes for the pod; ``flush()`` sends them.
    func write(_ buffer: ByteBuffer) {
        guard !self.over else { return }
        if let channel = self.channel { channel.write(buffer, promise: nil) } else { self.early.append(buffer) }
    }

    /// Sends what is queued.
    func flush() { self.channel?.flush() }

    /// Tells the pod that no more will come.
    func closeOutput() {
        guard !self.over else { return }
        if let channel = self.channel {
            channel.close(mode: .output, promise: nil)
        } else {
            self.earlyEnd = true
        }
    }

    /// Ends the connection without further word.
    func close() {
        self.over = true
        self.callbacks = nil
        self.channel?.close(promise: nil)
    }

    /// Whether to read from the pod.
    func setReading(_ reading: Bool) {
        guard reading != self.reading else { return }
        self.reading = reading
        if let channel = self.channel { try? channel.syncOptions?.setOption(.autoRead, value: reading) }
    }

    private func connected(_ channel: any Channel) {
        guard !self.over else {
            channel.close(promise: nil)
            return
        }
        self.channel = channel
        do {
            try channel.pipeline.syncOperations.addHandler(self)
            for buffer in self.early { channel.write(buffer, promise: nil) }
            channel.flush()
            self.early = []
            if self.earlyEnd { channel.close(mode: .output, promise: nil) }
            if self.reading { try channel.syncOptions?.setOption(.autoRead, value: true) }
            self.callbacks?.writability()
        } catch {
            channel.close(promise: nil)
            self.finish(error)
        }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { self.callbacks?.data(self.unwrapInboundIn(data)) }

    func channelReadComplete(context: ChannelHandlerContext) { self.callbacks?.readComplete() }

    func channelWritabilityChanged(context: ChannelHandlerContext) { self.callbacks?.writability() }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if let event = event as? ChannelEvent, event == .inputClosed, !self.ended {
            self.ended = true
            self.callbacks?.end()
        } else {
            context.fireUserInboundEventTriggered(event)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        self.failure = error
        context.close(promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) { self.finish(self.failure) }

    private func finish(_ error: (any Error)?) {
        self.over = true
        let callbacks = self.callbacks
        self.callbacks = nil
        callbacks?.close(error)
    }
}
