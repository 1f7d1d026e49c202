internal import NIOCore

/// What a session has seen, in order.
enum SessionEvent {
    /// The peer opened a stream.
    case opened(SessionStream, HeaderBlock, endStream: Bool)
    /// The head of an interim response.
    case interim(SessionStream, HeaderBlock)
    /// Response head or trailers.
    case headers(SessionStream, HeaderBlock, endStream: Bool)
    case data(SessionStream, ByteBuffer)
    /// The peer has said its last byte on a stream.
    case ended(SessionStream)
    case closed(SessionStream, HTTP2ErrorCode)
    case settings
    case pong(UInt64)
    case goAway(HTTP2ErrorCode)
}
