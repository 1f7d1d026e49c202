package import NIOCore

/// Sizes, limits and times of a link.
///
/// The defaults are what measured best, see the transport measurements.
package struct LinkConfiguration: Sendable {
    /// Bytes that the peer may send on one stream before they are consumed.
    package var streamWindow = 4 << 20
    /// Bytes in flight on the whole connection.
    package var connectionWindow = 8 << 20
    /// Unconsumed bytes of all streams up to which the connection's window is given back at once, so that streams with
    /// slow readers do not hold up the others; beyond it they do.
    ///
    /// From half of it on streams have narrower windows, so that about a thousand of them have to be stuck for that.
    package var unconsumedLimit = 64 << 20
    /// The largest DATA payload to accept and, where the peer allows it, to send.
    package var frameSize = 64 << 10
    /// Streams that the peer may have open at once.
    package var maximumStreams = 10_000
    /// Size of a header list (RFC 9113, 6.5.2) above which its stream is reset.
    package var maximumHeaderList = 64 << 10
    /// Stream resets by the peer: a burst, and a lasting rate per second, above which the link is ended.
    package var resetBurst = 10_000
    package var resetRate = 1_000
    /// Queued bytes at which a stream stops being writable, and at which it is again.
    package var streamHighWater = 512 << 10
    package var streamLowWater = 256 << 10
    /// Bytes handed to the channel in one go.
    package var writeBatch = 1 << 20
    /// Silence after which the peer is probed; nil never probes.
    package var keepaliveIdle: TimeAmount? = .seconds(15)
    /// How long each probe waits for its answer.
    package var keepaliveTimeout: TimeAmount = .seconds(5)
    /// Unanswered probes after which the peer is held dead.
    package var keepaliveMisses = 2
    /// From the channel's start to the end of the TLS handshake.
    package var handshakeDeadline: TimeAmount = .seconds(10)
    /// As server: accept extended CONNECT (RFC 8441).
    package var enableConnectProtocol = true
    /// Whether the rules of HTTP messages (RFC 9113, 8) are enforced; false for those who pass messages on to somebody who does.
    package var validatesMessages = true
    /// Whether the round trip is measured at the start; foreign servers hold pings against their clients.
    package var pingsAtStart = true
    /// Runs on the link's loop before the first byte is read: the place to set `onStream` and `onClose`.
    package var onStart: (@Sendable (Link) -> Void)?

    /// The defaults.
    package init() {}

    /// The defaults, with a place to set the link's callbacks before the first byte is read.
    package init(onStart: @escaping @Sendable (Link) -> Void) { self.onStart = onStart }
}
