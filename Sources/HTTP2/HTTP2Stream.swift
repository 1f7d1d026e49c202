package import NIOCore

/// One request and its response, or one tunnel.
///
/// Confined to its link's event loop, like all its callbacks.
/// Callbacks come in the order: `onHeaders`, `onData`…, `onHeaders` (trailers), `onEnd`, and at last, exactly once, `onClose`.
/// Set them when the stream is opened, before control returns to the loop.
package final class HTTP2Stream {
    /// The stream's number on its link; 0 never.
    package let id: Int32
    /// The link it belongs to.
    package let link: Link
    /// Response head (interim responses are skipped) or trailers.
    package var onHeaders: ((_ fields: [HeaderField], _ endStream: Bool) -> Void)?
    /// Bytes came; call ``consume(_:)`` once done with them: that is the back-pressure.
    package var onData: ((ByteBuffer) -> Void)?
    /// The loop has read all there is for now; comes after one or more `onData`, the place to flush.
    package var onReadComplete: (() -> Void)?
    /// The peer has said its last byte: END_STREAM, with whatever frame it came.
    package var onEnd: (() -> Void)?
    /// ``isWritable`` is true again after it was false.
    package var onWritable: (() -> Void)?
    /// The stream is over; never called synchronously by ``reset(_:)``.
    package var onClose: ((StreamCloseReason) -> Void)?

    /// It carries a tunnel, not a call; for counting only.
    package var isTunnel = false

    let record: SessionStream
    /// `onReadComplete` is due.
    var touched = false

    init(_ record: SessionStream, _ link: Link) {
        self.id = record.id
        self.link = link
        self.record = record
    }

    /// Whether the queue of outgoing bytes is below high water; writing is allowed at any time.
    package var isWritable: Bool { !self.record.wasFull && !self.record.closed && !self.record.resetHere }

    /// Outgoing bytes that no frame has taken yet.
    package var queuedBytes: Int { self.record.queuedBytes }

    /// Incoming bytes that were not consumed yet.
    package var unconsumedBytes: Int { self.record.unconsumed }

    /// As server: sends the response head; only the first call counts.
    package func sendHeaders(_ fields: [HeaderField], endStream: Bool) {
        self.link.session?.respond(self.record, fields, endStream: endStream)
        self.link.setDirty()
    }

    /// Queues bytes; ignored after the end.
    package func write(_ buffer: ByteBuffer) {
        self.link.session?.write(self.record, buffer)
        self.link.setDirty()
    }

    /// Ends this side once the queue is empty.
    ///
    /// - Parameter trailers: Fields to end with, if any.
    package func end(trailers: [HeaderField]? = nil) {
        self.link.session?.end(self.record, trailers: trailers)
        self.link.setDirty()
    }

    /// Ends both sides at once; queued bytes are dropped.
    ///
    /// No callback follows but `onClose`.
    package func reset(_ code: HTTP2ErrorCode) {
        self.link.session?.reset(self.record, code)
        self.link.setDirty()
    }

    /// Gives the peer window back for so many bytes of `onData`.
    package func consume(_ bytes: Int) {
        self.link.session?.consume(self.record, bytes)
        self.link.setDirty()
    }

    /// Breaks reference cycles through the callbacks.
    func forgetCallbacks() {
        self.onHeaders = nil
        self.onData = nil
        self.onReadComplete = nil
        self.onEnd = nil
        self.onWritable = nil
        self.onClose = nil
    }
}

// Confined to the link's loop; only the reference travels, in futures and closures that run on that loop.
extension HTTP2Stream: @unchecked Sendable {}
