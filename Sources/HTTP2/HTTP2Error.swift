/// Why a link could not be used.
package enum HTTP2Error: Error, Sendable, Equatable {
    /// The link is closed.
    case closed(LinkCloseReason)
    /// One side is draining: streams that are open go on, new ones are refused.
    case goingAway
    /// Only the client side opens streams.
    case notClient
    /// The peers agreed on another application protocol.
    case otherProtocol(alpn: String?)
    /// The peer broke HTTP/2.
    case protocolViolation(detail: String)
    /// nghttp2 failed where it should not.
    case library(detail: String)
}

extension HTTP2Error: CustomStringConvertible {
    /// One sentence that says what is wrong.
    package var description: String {
        switch self {
        case .closed(let reason): "the link is closed: \(reason)"
        case .goingAway: "the link is shutting down"
        case .notClient: "this side of the link opens no streams"
        case .otherProtocol(let alpn): "the other side speaks \(alpn ?? "no negotiated protocol") instead of HTTP/2"
        case .protocolViolation(let detail): "the other side broke HTTP/2: \(detail)"
        case .library(let detail): "nghttp2 failed: \(detail)"
        }
    }
}
