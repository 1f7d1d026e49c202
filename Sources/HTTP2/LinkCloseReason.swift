/// Why a link ended.
package enum LinkCloseReason: Sendable, Equatable {
    /// `close()` was called here.
    case closedHere
    /// Drained: one side said goodbye (GOAWAY) and the last stream has ended.
    case drained
    /// The peer closed the connection.
    case closedByPeer
    /// The peer did not answer keepalive probes.
    case unresponsive
    /// The peer broke HTTP/2.
    case protocolViolation(detail: String)
    /// The transport failed (socket, TLS).
    case transport(detail: String)
}

extension LinkCloseReason: CustomStringConvertible {
    /// A clause for messages.
    package var description: String {
        switch self {
        case .closedHere: "closed on this side"
        case .drained: "shut down in good order"
        case .closedByPeer: "closed by the other side"
        case .unresponsive: "the other side does not answer"
        case .protocolViolation(let detail): "the other side broke HTTP/2: \(detail)"
        case .transport(let detail): detail
        }
    }
}
