/// A way of port-forwarding: how the forwarded bytes are carried on a connection to the API server.
///
/// The raw value is its name in the upgrade.
package enum PortForwardWay: String, Sendable, CaseIterable {
    /// WebSocket messages whose first byte is a channel: the least work for everybody.
    case channels = "v4.channel.k8s.io"
    /// SPDY frames in WebSocket messages, since Kubernetes 1.31.
    case tunnelledSPDY = "SPDY/3.1+portforward.k8s.io"
    /// SPDY frames on the upgraded connection itself: for proxies that know no WebSocket, and servers that are old.
    case plainSPDY = "SPDY/3.1"

    /// The upgrade is that of WebSocket (RFC 6455).
    var isWebSocket: Bool { self != .plainSPDY }
}
