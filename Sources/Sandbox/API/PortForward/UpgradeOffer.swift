/// What a request to upgrade a connection offers, and the answer to it.
struct UpgradeOffer {
    /// How streams are to be carried.
    enum Kind {
        case spdy
        case webSocket
    }

    let kind: Kind
    private let offered: [String]
    private let key: String

    /// Reads a request; 400 when it asks for no upgrade that is known.
    init(_ request: APIRequest) throws(StatusError) {
        func list(_ name: String) -> [String] {
            request.values(name).flatMap { $0.split(separator: ",") }.map { String($0.trimmed) }
        }
        switch request.header("upgrade")?.lowercased() {
        case "spdy/3.1":
            self.kind = .spdy
            self.offered = list("x-stream-protocol-version")
            self.key = ""
        case "websocket":
            guard let key = request.header("sec-websocket-key"), request.header("sec-websocket-version") == "13" else {
                throw .badRequest("missing or bad WebSocket key or version")
            }
            self.kind = .webSocket
            self.offered = list("sec-websocket-protocol")
            self.key = key
        default: throw .badRequest("Upgrade request required")
        }
    }

    /// The first protocol of the client's that is known here; 403 when there is none.
    func choose(_ known: [String]) throws(StatusError) -> String {
        if let chosen = self.offered.first(where: known.contains) { return chosen }
        let clients = self.offered.joined(separator: " ")
        throw .forbidden(
            "unable to upgrade: unable to negotiate protocol: client supports [\(clients)], server accepts "
                + "[\(known.joined(separator: " "))]"
        )
    }

    /// The headers of the answer with status 101.
    func answer(_ chosen: String) -> [(String, String)] {
        switch self.kind {
        case .spdy:
            [("Connection", "Upgrade"), ("Upgrade", "SPDY/3.1"), ("X-Stream-Protocol-Version", chosen)]
        case .webSocket:
            [
                ("Upgrade", "websocket"), ("Connection", "Upgrade"),
                ("Sec-WebSocket-Accept", SHA1.accept(key: self.key)), ("Sec-WebSocket-Protocol", chosen),
            ]
        }
    }
}
