import NIOCore

/// Half-closes a socket once everything that was written to it is out.
///
/// `close(mode: .output)` alone closes a channel whose peer has half-closed already at once, and drops what is still queued.
enum OutputEnd {
    /// On the loop, from the last handler of the pipeline.
    static func send(_ context: ChannelHandlerContext) {
        let channel = context.channel
        let out = channel.eventLoop.makePromise(of: Void.self)
        out.futureResult.whenComplete { _ in channel.close(mode: .output, promise: nil) }
        context.writeAndFlush(NIOAny(ByteBuffer()), promise: out)
    }
}
