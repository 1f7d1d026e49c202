import NIOCore
import Tunnel

/// A local UDP port that leads to a pod: one tunnel for each local program that speaks to it.
///
/// Confined to its event loop. A flow ends with its tunnel, which the agent ends after a silence.
final class PodDatagrams: ChannelInboundHandler {
    typealias InboundIn = AddressedEnvelope<ByteBuffer>
    typealias OutboundOut = AddressedEnvelope<ByteBuffer>

    /// Asks for a tunnel; what is passed is called once, on the loop.
    typealias Opening = @Sendable (@escaping LocalTargets.Meeting) -> Void

    /// More programs than that at once are not served.
    private static let maximumFlows = 1024
    /// Datagrams kept while a tunnel is being opened.
    private static let maximumWaiting = 64

    private final class Flow {
        var tunnel: UDPTunnel?
        var waiting: [ByteBuffer] = []
    }

    private let open: Opening
    private var flows: [SocketAddress: Flow] = [:]
    private var channel: (any Channel)?

    init(_ open: @escaping Opening) {
        self.open = open
    }

    func channelActive(context: ChannelHandlerContext) {
        channel = context.channel
    }

    func channelInactive(context: ChannelHandlerContext) {
        channel = nil
        for flow in flows.values { flow.tunnel?.close() }
        flows = [:]
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let envelope = Self.unwrapInboundIn(data)
        let caller = envelope.remoteAddress
        if let flow = flows[caller] {
            if let tunnel = flow.tunnel { return tunnel.send(envelope.data) }
            if flow.waiting.count < Self.maximumWaiting { flow.waiting.append(envelope.data) }
            return
        }
        guard flows.count < Self.maximumFlows else { return }
        let flow = Flow()
        flow.waiting = [envelope.data]
        flows[caller] = flow
        let bound = NIOLoopBound((self, flow), eventLoop: context.eventLoop)
        open { failure in
            let (port, flow) = bound.value
            guard failure == nil, port.channel != nil, port.flows[caller] === flow else {
                port.forget(caller, flow)
                return .refuse(failure ?? .refused)
            }
            return .datagrams { tunnel in
                let (port, flow) = bound.value
                port.opened(flow, tunnel, for: caller)
            }
        }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // An ICMP error about one program must not end the others.
    }

    private func opened(_ flow: Flow, _ tunnel: UDPTunnel, for caller: SocketAddress) {
        flow.tunnel = tunnel
        tunnel.onDatagram = { [self] datagram in
            channel?.writeAndFlush(AddressedEnvelope(remoteAddress: caller, data: datagram), promise: nil)
        }
        tunnel.onClose = { [self] _ in forget(caller, flow) }
        for datagram in flow.waiting { tunnel.send(datagram) }
        flow.waiting = []
    }

    private func forget(_ caller: SocketAddress, _ flow: Flow) {
        if flows[caller] === flow { flows[caller] = nil }
    }
}
