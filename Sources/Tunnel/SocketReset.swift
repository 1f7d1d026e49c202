internal import Glibc
internal import HTTP2
package import NIOCore

/// Closes a TCP socket with a reset instead of an end of file (SO_LINGER 0).
package enum SocketReset {
    /// How long a peer may take to read what was written before the reset.
    private static let patience = TimeAmount.seconds(30)

    /// Closes `channel` as ``close(_:)`` does, behind what was written to it; on its loop.
    ///
    /// A peer that does not read is not waited for longer than half a minute, and one that is gone not at all.
    package static func closeInOrder(_ channel: any Channel) {
        if let tunnel = channel as? TunnelChannel { return tunnel.resetInOrder() }
        let late = channel.eventLoop.assumeIsolated().scheduleTask(in: Self.patience) { Self.close(channel) }
        let written = channel.eventLoop.makePromise(of: Void.self)
        written.futureResult.assumeIsolated().whenComplete { _ in
            late.cancel()
            Self.close(channel)
        }
        channel.writeAndFlush(ByteBuffer(), promise: written)
    }

    /// Closes `channel` so that its peer sees ECONNRESET; unsent bytes are dropped.
    ///
    /// A tunnel's channel resets its stream, on its loop. TLS in the pipeline says no farewell, which would make it an end in good order.
    package static func close(_ channel: any Channel) {
        if let tunnel = channel as? TunnelChannel { return tunnel.reset() }
        channel.triggerUserOutboundEvent(TLSHandler.Abort(), promise: nil)
        guard let socket = channel as? any SocketOptionProvider else { return channel.close(promise: nil) }
        socket.setSoLinger(linger(l_onoff: 1, l_linger: 0)).whenComplete { _ in channel.close(promise: nil) }
    }
}
