import NIOCore

/// What the ways of `exec` and `attach` share: their client is read from only while the process takes what it sends, and the
/// process only while the client takes what that writes.
protocol ExecHandler: AnyObject, ChannelInboundHandler {
    /// The process; nil before it has begun, and after the client has gone.
    var streams: ExecStreams? { get set }
    /// Whether the client is read from now.
    var reading: Bool { get set }
}

extension ExecHandler {
    func channelReadComplete(context: ChannelHandlerContext) { self.balance(context) }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        self.streams?.setReading(context.channel.isWritable)
    }

    /// Reads from the client only while the process takes what it sends.
    func balance(_ context: ChannelHandlerContext) {
        let wanted = self.streams?.isWritable ?? true
        guard wanted != self.reading else { return }
        self.reading = wanted
        try? context.channel.syncOptions?.setOption(.autoRead, value: wanted)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelInactive(context: ChannelHandlerContext) {
        self.streams?.close()
        self.streams = nil
        context.fireChannelInactive()
    }
}
