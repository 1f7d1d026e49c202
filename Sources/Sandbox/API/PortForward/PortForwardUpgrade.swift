import NIOCore
import NIOHTTP1

/// A port-forward that is about to begin: which pod, and in which of three protocols.
struct PortForwardUpgrade {
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
        func list(_ name: String) -> [String] {
            request.values(name).flatMap { $0.split(separator: ",") }.map { String($0.trimmed) }
        }
        switch request.header("upgrade")?.lowercased() {
        case "spdy/3.1":
            let offered = list("x-stream-protocol-version")
            guard offered.contains("portforward.k8s.io") else {
                throw .forbidden(
                    "unable to upgrade: unable to negotiate protocol: client supports [\(offered.joined(separator: " "))], "
                        + "server accepts [portforward.k8s.io]"
                )
            }
            self.transport = .spdy
            self.headers = [
                ("Connection", "Upgrade"), ("Upgrade", "SPDY/3.1"),
                ("X-Stream-Protocol-Version", "portforward.k8s.io"),
            ]
        case "websocket":
            guard let key = request.header("sec-websocket-key"), request.header("sec-websocket-version") == "13" else {
                throw .badRequest("missing or bad WebSocket key or version")
            }
            let offered = list("sec-websocket-protocol")
            let known = ["SPDY/3.1+portforward.k8s.io", "v4.channel.k8s.io"]
            guard let chosen = offered.first(where: known.contains) else {
                throw .forbidden(
                    "unable to upgrade: no supported WebSocket sub-protocol: client supports "
                        + "[\(offered.joined(separator: " "))], server accepts [\(known.joined(separator: " "))]"
                )
            }
            if chosen == known[0] {
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
            self.headers = [
                ("Upgrade", "websocket"), ("Connection", "Upgrade"), ("Sec-WebSocket-Accept", SHA1.accept(key: key)),
                ("Sec-WebSocket-Protocol", chosen),
            ]
        default: throw .badRequest("Upgrade request required")
        }
    }

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
