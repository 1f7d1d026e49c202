internal import HTTP2
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

    private init(_ tunnel: UDPTunnel, idle: TimeAmount) {
        self.tunnel = tunnel
        self.idle = idle
        self.lastUse = .now()
    }

    /// Joins a channel that does not read yet with a tunnel on the same loop; the caller is on that loop.
    ///
    /// - Parameters:
    ///   - channel: A connected UDP socket.
    ///   - tunnel: Its callbacks are taken over.
    ///   - idle: Silence in both directions after which both are ended.
    ///   - early: What came on the stream already, not yet consumed.
    ///   - ended: Whether the stream's peer has ended already.
    package static func join(
        _ channel: any Channel,
        _ tunnel: UDPTunnel,
        idle: TimeAmount,
        early: [ByteBuffer] = [],
        ended: Bool = false
    ) {
        let splice = DatagramSplice(tunnel, idle: idle)
        do {
            try channel.pipeline.syncOperations.addHandler(splice)
        } catch {
            return tunnel.close()
        }
        tunnel.onDatagram = { datagram in
            splice.lastUse = .now()
            channel.write(datagram, promise: nil)
        }
        tunnel.onReadComplete = { channel.flush() }
        tunnel.onClose = { _ in
            splice.over = true
            channel.close(promise: nil)
        }
        for bytes in early { tunnel.take(bytes) }
        channel.flush()
        if ended {
            tunnel.close()
            splice.over = true
            return channel.close(promise: nil)
        }
        splice.watch(channel)
        channel.setOption(.autoRead, value: true).whenFailure { _ in channel.close(promise: nil) }
    }

    private func watch(_ channel: any Channel) {
        self.timer = channel.eventLoop.assumeIsolated().scheduleTask(deadline: self.lastUse + self.idle) {
            guard !self.over else { return }
            if .now() >= self.lastUse + self.idle { channel.close(promise: nil) } else { self.watch(channel) }
        }
    }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        self.lastUse = .now()
        self.tunnel.send(self.unwrapInboundIn(data).data)
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // ECONNREFUSED: the far side has no such port now. The tunnel's end tells the one who sent.
        context.close(promise: nil)
    }

    package func channelInactive(context: ChannelHandlerContext) {
        self.timer?.cancel()
        guard !self.over else { return }
        self.over = true
        self.tunnel.close()
    }
}
