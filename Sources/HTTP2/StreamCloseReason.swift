/// Why a stream ended.
package enum StreamCloseReason: Sendable, Equatable {
    /// Both sides ended it in good order.
    case finished
    /// One side reset it.
    case reset(HTTP2ErrorCode)
    /// Its link ended.
    case linkLost(LinkCloseReason)
}
