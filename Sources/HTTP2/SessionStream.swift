internal import DequeModule
internal import NIOCore

/// What a session keeps for one stream.
///
/// nghttp2 holds a pointer to it until the stream is closed.
final class SessionStream {
    var id: Int32
    /// Outgoing bytes that no frame has taken yet.
    var queue: Deque<ByteBuffer> = []
    var queuedBytes = 0
    /// The queue rose above high water and has not fallen below low water since.
    var wasFull = false
    /// The owner has said its last byte.
    var ended = false
    var trailers: HeaderBlock?
    /// Our header frame was submitted.
    var headSent = false
    /// nghttp2 found nothing to send and waits for `resume`.
    var deferred = false
    /// Our last frame was handed to nghttp2.
    var localDone = false
    /// The peer's last frame has come.
    var remoteDone = false
    /// The peer's header block has come; what follows are trailers.
    var headReceived = false
    /// Bytes received and not consumed by the owner.
    var unconsumed = 0
    /// The header block being received.
    var fields = HeaderBlock()
    var fieldsSize = 0
    /// Reset here: nothing more is reported but the end.
    var resetHere = false
    /// A reset is to follow what is queued.
    var resetsLate = false
    /// Our request's header frame was given up before it was sent.
    var unsent = false
    var closed = false
    /// The stream as the link's users know it.
    var owner: HTTP2Stream?
    /// Names that nghttp2 is to send as they are.
    private var names: [UnsafeMutablePointer<UInt8>] = []

    init(id: Int32) { self.id = id }

    deinit { for name in self.names { name.deallocate() } }

    /// Keeps a name for as long as the stream is there; nil where there are too many.
    func keep(name: UnsafeBufferPointer<UInt8>) -> UnsafeMutablePointer<UInt8>? {
        guard self.names.count < 1000 else { return nil }
        let copy = UnsafeMutablePointer<UInt8>.allocate(capacity: name.count)
        if let start = name.baseAddress { copy.initialize(from: start, count: name.count) }
        self.names.append(copy)
        return copy
    }

    /// The stream is closed: nothing more goes out.
    func drop() {
        self.closed = true
        self.queue.removeAll()
        self.queuedBytes = 0
    }

    /// Takes exactly `count` bytes off the queue, in as few pieces as there are.
    func take(_ count: Int, _ body: (ByteBuffer) -> Void) {
        var left = min(count, self.queuedBytes)
        self.queuedBytes -= left
        while left > 0, !self.queue.isEmpty {
            let size = self.queue[0].readableBytes
            if size <= left {
                body(self.queue.removeFirst())
                left -= size
            } else {
                if let part = self.queue[0].readSlice(length: left) { body(part) }
                left = 0
            }
        }
    }
}
