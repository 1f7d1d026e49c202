import TLS

/// A TLS handshake in memory, and what both sides make of it.
struct Handshake {
    var clientFailure: TLSError?
    var serverFailure: TLSError?
    /// What the server has seen of the client.
    var peer: PeerCertificate?
    /// What the client has seen of the server.
    var server: PeerCertificate?

    init(client: TLSContext, server: TLSContext, name: String) throws {
        let dialling = try TLSSession(context: client, role: .client(serverName: name))
        let accepting = try TLSSession(context: server, role: .server)
        dialling.start()
        while true {
            let (up, down) = (dialling.takeOutput(), accepting.takeOutput())
            if up.isEmpty, down.isEmpty { break }
            if let failure = Self.feed(up, accepting) { serverFailure = serverFailure ?? failure }
            if let failure = Self.feed(down, dialling) { clientFailure = clientFailure ?? failure }
        }
        peer = accepting.peerCertificate
        self.server = dialling.peerCertificate
    }

    private static func feed(_ bytes: [UInt8], _ session: TLSSession) -> TLSError? {
        guard !bytes.isEmpty else { return nil }
        var room = [UInt8](repeating: 0, count: 4096)
        return bytes.withUnsafeBytes { input in
            room.withUnsafeMutableBytes { session.open(input, into: $0).failure }
        }
    }
}
