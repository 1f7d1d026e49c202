internal import Glibc
package import NIOCore

/// A socket's outgoing bytes, sent past its channel's queue as long as nothing waits there.
///
/// What a channel does for a write beside the system call is a tenth of what passing on a small message costs.
///
///     write ──► held ──flush──► send(2) ──what does not fit──► the channel's queue, until that is empty
///
/// For the handler next to the socket: what stands between the two would not see what is sent. A channel that is no socket sends all by
/// its queue, and so does the empty value. Confined to the channel's loop.
package struct DirectOutput {
    private let socket: NIOBSDSocket.Handle?
    private var held: ByteBuffer?
    /// Something may still be waiting in the channel's queue.
    private var isQueueing = false
    private var isUnflushed = false

    /// Sends all by the channel's queue.
    package init() { socket = nil }

    /// Sends to the socket of an open channel.
    package init(_ channel: any Channel) {
        socket = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self
        ) { $0 }
    }

    /// Takes bytes; ``flush(_:)`` follows.
    package mutating func write(_ buffer: ByteBuffer, _ context: ChannelHandlerContext) {
        if held == nil, mayPass(context) {
            held = buffer
            return
        }
        queueHeld(context)
        context.write(NIOAny(buffer), promise: nil)
        isUnflushed = true
    }

    /// Sends what was taken.
    package mutating func flush(_ context: ChannelHandlerContext) {
        if held != nil {
            // The number is the socket's only as long as the channel is open.
            guard context.channel.isActive, !sendHeld() else { return held = nil }
            queueHeld(context)
        }
        guard isUnflushed else { return }
        isUnflushed = false
        context.flush()
    }

    /// Whether nothing waits in the channel's queue.
    private mutating func mayPass(_ context: ChannelHandlerContext) -> Bool {
        guard socket != nil else { return false }
        guard isQueueing else { return true }
        let options = context.channel.syncOptions
        isQueueing = (try? options?.getOption(.bufferedWritableBytes)) != 0
        return !isQueueing
    }

    /// True when all was sent; an error is for the channel to find, and to tell.
    private mutating func sendHeld() -> Bool {
        guard let socket, let buffer = held else { return false }
        let sent = buffer.withUnsafeReadableBytes { send(socket, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
        guard sent < buffer.readableBytes else { return true }
        if sent > 0 { held?.moveReaderIndex(forwardBy: sent) }
        return false
    }

    private mutating func queueHeld(_ context: ChannelHandlerContext) {
        guard let buffer = held else { return }
        held = nil
        isQueueing = true
        isUnflushed = true
        context.write(NIOAny(buffer), promise: nil)
    }
}
