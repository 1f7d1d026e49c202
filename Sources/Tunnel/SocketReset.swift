internal import Glibc
internal import HTTP2
package import NIOCore

/// Closes a TCP socket with a reset instead of an end of file (SO_LINGER 0).
package enum SocketReset {
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
