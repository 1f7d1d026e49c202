import NIOCore

/// One side of two connections that are joined: what comes in here goes out there.
///
/// Confined to the event loop that both sides are on. Reads only while the other side takes what comes.
final class Relay: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    static let waterMark = ChannelOptions.Types.WriteBufferWaterMark(low: 256 << 10, high: 1 << 20)
    static let allocator = AdaptiveRecvByteBufferAllocator(minimum: 4 << 10, initial: 64 << 10, maximum: 256 << 10)

    /// What both sides share: how many directions have come to their end.
    private final class Joint {
        var ended = 0
    }

    private let other: any Channel
    private let joint: Joint

    private init(other: any Channel, joint: Joint) {
        self.other = other
        self.joint = joint
    }

    /// Joins two channels of one loop and begins to read from both.
    static func join(_ near: any Channel, _ far: any Channel) throws {
        let joint = Joint()
        try near.pipeline.syncOperations.addHandler(Relay(other: far, joint: joint))
        try far.pipeline.syncOperations.addHandler(Relay(other: near, joint: joint))
        for channel in [near, far] { try channel.syncOptions?.setOption(.autoRead, value: true) }
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.other.write(self.unwrapInboundIn(data), promise: nil)
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        self.other.flush()
        if !self.other.isWritable { try? context.channel.syncOptions?.setOption(.autoRead, value: false) }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        try? self.other.syncOptions?.setOption(.autoRead, value: context.channel.isWritable)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let event = event as? ChannelEvent, event == .inputClosed else { return }
        let bound = NIOLoopBound((self, context.channel), eventLoop: context.eventLoop)
        self.other.close(mode: .output).whenComplete { _ in
            let (relay, channel) = bound.value
            relay.joint.ended += 1
            guard relay.joint.ended == 2 else { return }
            channel.close(promise: nil)
            relay.other.close(promise: nil)
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelInactive(context: ChannelHandlerContext) { self.other.close(promise: nil) }
}
