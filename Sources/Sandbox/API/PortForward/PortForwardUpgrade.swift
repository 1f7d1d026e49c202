import NIOCore
import NIOHTTP1

/// A port-forward that is about to begin: which pod, and in which of three protocols.
struct PortForwardUpgrade: ConnectionUpgrade {
    private enum Transport {
        /// `Upgrade: SPDY/3.1`.
        case spdy
        /// SPDY's bytes in binary WebSocket messages.
        case tunnelledSPDY
        /// `v4.channel.k8s.io`, one pair of channels for each port.
        case channels([Int])
    }

    /// What the answer with status 101 says.
    let headers: [(String, String)]
    private let transport: Transport
    private let namespace: String
    private let pod: String

    /// Checks a request; what is wrong with it is answered as Kubernetes does.
    init(_ request: APIRequest, server: APIServer) throws(StatusError) {
        (self.namespace, self.pod) = try server.portForward(request)
        let plan = server.faults.plan
        if plan.severs("\(self.namespace)/\(self.pod)") {
            throw StatusError(
                code: 503,
                reason: "ServiceUnavailable",
                message: "error dialing backend: a fault was asked for: sandbox fault --sever"
            )
        }
        let offer = try UpgradeOffer(request)
        switch offer.kind {
        case .spdy:
            // What does not know it passes a plain request on.
            guard !plan.refusedWays.contains("SPDY/3.1") else { throw .badRequest("Upgrade request required") }
            self.transport = .spdy
            self.headers = offer.answer(try offer.choose(["portforward.k8s.io"]))
        case .webSocket:
            let tunnel = "SPDY/3.1+portforward.k8s.io"
            let known = [tunnel, "v4.channel.k8s.io"].filter { !plan.refusedWays.contains($0) }
            let chosen = try offer.choose(known)
            if chosen == tunnel {
                self.transport = .tunnelledSPDY
            } else {
                let texts = request.query.filter { $0.name == "ports" }.flatMap { $0.value.split(separator: ",") }
                let ports = texts.compactMap { Int($0) }.filter { (1...65535).contains($0) }
                guard !texts.isEmpty else { throw .badRequest("query parameter \"ports\" is required") }
                guard ports.count == texts.count else {
                    throw .badRequest("unable to parse ports: \(texts.joined(separator: ","))")
                }
                self.transport = .channels(ports)
            }
            self.headers = offer.answer(chosen)
        }
    }

    /// The pod.
    var forwardTarget: String? { "\(self.namespace)/\(self.pod)" }

    /// The handlers that take the connection over, from below.
    func makeHandlers(access: NodeAccess) -> [any ChannelHandler] {
        let target = PodTarget(namespace: self.namespace, pod: self.pod, access: access)
        switch self.transport {
        case .spdy: return [SPDYPortForward(target)]
        case .tunnelledSPDY: return [WebSocketTunnel(), SPDYPortForward(target)]
        case .channels(let ports): return [WebSocketPortForward(target, ports: ports)]
        }
    }
}
