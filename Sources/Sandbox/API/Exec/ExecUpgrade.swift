import Cluster
import NIOCore
import NIOHTTP1

/// An `exec` or `attach` that is about to begin: where, and in which of three protocols.
struct ExecUpgrade: ConnectionUpgrade {
    private enum Transport {
        case spdy
        /// By WebSocket; with or without the message that closes a channel.
        case channels(closes: Bool)
    }

    let headers: [(String, String)]
    var forwardTarget: String? { nil }
    private let transport: Transport
    private let target: ExecTarget

    /// Checks a request; what is wrong with it is answered as Kubernetes does.
    init(_ request: APIRequest, server: APIServer) throws(StatusError) {
        self.target = try server.execTarget(request)
        let offer = try UpgradeOffer(request)
        switch offer.kind {
        case .spdy:
            let chosen = try offer.choose(["v4.channel.k8s.io"])
            self.transport = .spdy
            self.headers = offer.answer(chosen)
        case .webSocket:
            let chosen = try offer.choose(["v5.channel.k8s.io", "v4.channel.k8s.io"])
            self.transport = .channels(closes: chosen == "v5.channel.k8s.io")
            self.headers = offer.answer(chosen)
        }
    }

    func makeHandlers(access: NodeAccess) -> [any ChannelHandler] {
        switch self.transport {
        case .spdy: [SPDYExec(self.target)]
        case .channels(let closes): [WebSocketExec(self.target, closes: closes)]
        }
    }
}
