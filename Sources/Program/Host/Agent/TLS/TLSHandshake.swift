import HTTP2
import NIOCore
import TLS

/// Puts TLS into a channel's pipeline, and waits for the end of the handshake.
///
/// Whatever is added to the pipeline on completion gets all of the plaintext. Confined to the loop.
final class TLSHandshake: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private var completion: ((Result<TLSHandshakeCompleted, any Error>) -> Void)?

    private init(_ completion: @escaping (Result<TLSHandshakeCompleted, any Error>) -> Void) {
        self.completion = completion
    }

    /// Begins a handshake on a channel that need not read by itself.
    ///
    /// A peer that later ends without the closing alert ends in good order. A channel whose handshake fails is closed.
    static func perform(
        on channel: any Channel,
        _ context: TLSContext,
        _ role: TLSSession.Role,
        within deadline: TimeAmount,
        then completion: @escaping (Result<TLSHandshakeCompleted, any Error>) -> Void
    ) {
        let waiting = TLSHandshake(completion)
        let handler = TLSHandler(context: context, role: role, handshakeDeadline: deadline, acceptsPlainEnd: true)
        do {
            // Above first: TLS may fail at once.
            try channel.pipeline.syncOperations.addHandler(waiting)
            try channel.pipeline.syncOperations.addHandler(handler, position: .before(waiting))
        } catch {
            channel.close(promise: nil)
            waiting.finish(.failure(error))
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard let completed = event as? TLSHandshakeCompleted else {
            return context.fireUserInboundEventTriggered(event)
        }
        finish(.success(completed))
        context.pipeline.syncOperations.removeHandler(self, promise: nil)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if completion == nil { context.fireErrorCaught(error) } else { finish(.failure(error)) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        finish(.failure(TLSError.closedDuringHandshake))
        context.fireChannelInactive()
    }

    private func finish(_ result: Result<TLSHandshakeCompleted, any Error>) {
        guard let completion else { return }
        self.completion = nil
        completion(result)
    }
}
