internal import NIOCore

/// What a session has seen, in order.
enum SessionEvent {
    /// The peer opened a stream.
    case opened(SessionStream, [HeaderField], endStream: Bool)
    /// Response head or trailers.
    case headers(SessionStream, [HeaderField], endStream: Bool)
    case data(SessionStream, ByteBuffer)
    /// The peer has said its last byte on a stream.
    case ended(SessionStream)
    case closed(SessionStream, HTTP2ErrorCode)
    case settings
    case pong(UInt64)
    case goAway(HTTP2ErrorCode)
}
