import HTTP2
import NIOCore

/// What the two halves of a client's HTTP/2 connection allow their peers.
///
/// There are no pings of our own: servers count them against their clients.
enum HTTP2Limits {
    /// Streams at once, of an app that has no limit.
    private static let streams = 10_000
    /// What is taken of a slow client's stream, and of a client for a slow server.
    private static let nearWindow = 256 << 10
    /// Workstations are far away.
    private static let farWindow = 4 << 20
    private static let appWindow = 1 << 20

    /// Towards the client: what its app allows, as far as that is known.
    static func client(streams allowed: Int?, extendedConnect: Bool) -> LinkConfiguration {
        var limits = common
        limits.streamWindow = nearWindow
        limits.maximumStreams = min(allowed ?? streams, streams)
        if limits.maximumStreams == 0 { limits.maximumStreams = streams }
        limits.enableConnectProtocol = extendedConnect
        return limits
    }

    /// Towards who serves the streams.
    static func upstream(_ destination: RequestDestination) -> LinkConfiguration {
        var limits = common
        limits.streamWindow = destination == .app ? appWindow : farWindow
        return limits
    }

    private static var common: LinkConfiguration {
        var limits = LinkConfiguration()
        limits.maximumHeaderList = 128 << 10
        limits.streamHighWater = 256 << 10
        limits.streamLowWater = 128 << 10
        limits.writeBatch = 256 << 10
        limits.keepaliveIdle = nil
        limits.pingsAtStart = false
        limits.validatesMessages = false
        return limits
    }
}
