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
    /// Response head or trailers.
    package var onHeaders: ((_ fields: [HeaderField], _ endStream: Bool) -> Void)?
    /// The same as they came, instead of `onHeaders`: for those who pass them on.
    package var onBlock: ((_ block: HeaderBlock, _ endStream: Bool) -> Void)?
    /// The head of an interim response (RFC 9110, 15.2), before the response's own.
    package var onInterim: ((HeaderBlock) -> Void)?
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
        self.sendHeaders(HeaderBlock(fields), endStream: endStream)
    }

    /// As server: sends the response head as it is; only the first call counts.
    package func sendHeaders(_ block: HeaderBlock, endStream: Bool) {
        self.link.session?.respond(self.record, block, endStream: endStream)
        self.link.setDirty()
    }

    /// As server: sends the head of an interim response; ignored after the response's own.
    package func sendInterim(_ block: HeaderBlock) {
        self.link.session?.respondInterim(self.record, block)
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
        self.end(with: trailers.map { HeaderBlock($0) })
    }

    /// Ends this side once the queue is empty, with trailers as they are if there are any.
    package func end(with trailers: HeaderBlock?) {
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

    /// Ends both sides behind what was written, as far as the peer takes it at present.
    ///
    /// With `noError` what was written goes out completely, where this side has ended: the peer is told that no more of it is
    /// wanted (RFC 9113, 8.1). As with ``reset(_:)`` `onClose` follows; what still comes before is reported.
    ///
    /// - Parameters:
    ///   - code: The reason.
    ///   - completing: It is so with every code.
    package func resetInOrder(_ code: HTTP2ErrorCode, completing: Bool = false) {
        self.link.session?.resetInOrder(self.record, code, completing: completing || code == .noError)
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
        self.onBlock = nil
        self.onInterim = nil
        self.onData = nil
        self.onReadComplete = nil
        self.onEnd = nil
        self.onWritable = nil
        self.onClose = nil
    }
}

// Confined to the link's loop; only the reference travels, in futures and closures that run on that loop.
extension HTTP2Stream: @unchecked Sendable {}
