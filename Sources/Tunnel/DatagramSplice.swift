import HTTP2
package import NIOCore

/// Joins a connected UDP socket with a UDP tunnel; ends both after a silence.
package final class DatagramSplice: ChannelInboundHandler {
    package typealias InboundIn = AddressedEnvelope<ByteBuffer>
    package typealias OutboundOut = ByteBuffer

    private let tunnel: UDPTunnel
    private let idle: TimeAmount
    private var lastUse: NIODeadline
    private var timer: Scheduled<Void>?
    private var over = false

    private init(_ tunnel: UDPTunnel, idle: TimeAmount, now: NIODeadline) {
        self.tunnel = tunnel
        self.idle = idle
        lastUse = now
    }

    /// Joins them; the caller is on the loop that they share.
    package static func join(
        _ channel: any Channel,
        _ tunnel: UDPTunnel,
        idle: TimeAmount,
        early: [ByteBuffer] = [],
        ended: Bool = false
    ) {
        let splice = DatagramSplice(tunnel, idle: idle, now: channel.eventLoop.now)
        do {
            try channel.pipeline.syncOperations.addHandler(splice)
        } catch {
            tunnel.close()
            return
        }
        tunnel.onDatagram = { datagram in
            splice.lastUse = channel.eventLoop.now
            channel.writeAndFlush(datagram, promise: nil)
        }
        tunnel.onClose = { _ in
            splice.over = true
            channel.close(promise: nil)
        }
        for bytes in early { tunnel.take(bytes) }
        if ended {
            tunnel.close()
            channel.close(promise: nil)
            return
        }
        splice.watch(channel)
        channel.setOption(.autoRead, value: true).whenFailure { _ in channel.close(promise: nil) }
    }

    private func watch(_ channel: any Channel) {
        let bound = NIOLoopBound(self, eventLoop: channel.eventLoop)
        timer = channel.eventLoop.scheduleTask(deadline: lastUse + idle) {
            let splice = bound.value
            guard !splice.over else { return }
            if channel.eventLoop.now >= splice.lastUse + splice.idle {
                channel.close(promise: nil)
            } else {
                splice.watch(channel)
            }
        }
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        lastUse = context.eventLoop.now
        tunnel.send(Self.unwrapInboundIn(data).data)
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // ECONNREFUSED: the far side has no such port now. The tunnel's end tells the one who sent.
        context.close(promise: nil)
    }

    package func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        guard !over else { return }
        over = true
        tunnel.close()
    }
}
