internal import NIOCore
internal import TLS

/// Joins a ``Link`` to a pipeline, and settles its role when TLS stands below.
final class LinkHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What the role depends on.
    enum Start {
        case at(Link.Role)
        case byALPN(dialled: Bool)
    }

    /// Takes over a connection on which another protocol was agreed.
    typealias Fallback = @Sendable (any Channel, TLSHandshakeCompleted) throws -> Void

    private let link: Link
    private let start: Start
    private let fallback: Fallback?
    private var started: EventLoopPromise<Link>?
    private var failure: LinkCloseReason?

    init(_ link: Link, _ start: Start, fallback: Fallback?, started: EventLoopPromise<Link>) {
        self.link = link
        self.start = start
        self.fallback = fallback
        self.started = started
    }

    func handlerAdded(context: ChannelHandlerContext) {
        if context.channel.isActive { self.begin(context) }
    }

    func handlerRemoved(context: ChannelHandlerContext) {
        self.fail(HTTP2Error.closed(.closedByPeer))
    }

    func channelActive(context: ChannelHandlerContext) {
        self.begin(context)
        context.fireChannelActive()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.fail(HTTP2Error.closed(self.failure ?? .closedByPeer))
        self.link.close(self.failure ?? .closedByPeer)
        context.fireChannelInactive()
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) { self.link.received(self.unwrapInboundIn(data)) }

    func channelReadComplete(context: ChannelHandlerContext) { self.link.readComplete() }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { self.link.writabilityChanged() }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if self.failure == nil { self.failure = .transport(detail: "\(error)") }
        self.fail(error)
        context.close(promise: nil)
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        switch event {
        case let event as TLSHandshakeCompleted: self.negotiated(event, context)
        case ChannelEvent.inputClosed:
            // HTTP/2 has its own half-close; a connection that is half gone is gone.
            context.close(promise: nil)
        default: context.fireUserInboundEventTriggered(event)
        }
    }

    private func begin(_ context: ChannelHandlerContext) {
        guard case .at(let role) = self.start else { return }
        self.run(role, context)
    }

    private func negotiated(_ event: TLSHandshakeCompleted, _ context: ChannelHandlerContext) {
        guard case .byALPN(let dialled) = self.start, self.started != nil else { return }
        self.link.alpn = event.alpn
        self.link.peerCertificate = event.peer
        switch event.alpn {
        case Link.forward: self.run(dialled ? .client : .server, context)
        case Link.reverse: self.run(dialled ? .server : .client, context)
        default:
            self.fail(HTTP2Error.otherProtocol(alpn: event.alpn))
            let channel = context.channel
            guard let fallback = self.fallback else { return channel.close(promise: nil) }
            channel.pipeline.syncOperations.removeHandler(self).whenFailure { _ in channel.close(promise: nil) }
            do { try fallback(channel, event) } catch { channel.close(promise: nil) }
        }
    }

    private func run(_ role: Link.Role, _ context: ChannelHandlerContext) {
        self.link.start(context, role: role)
        let started = self.started
        self.started = nil
        started?.succeed(self.link)
    }

    private func fail(_ error: any Error) {
        let started = self.started
        self.started = nil
        started?.fail(error)
    }
}
