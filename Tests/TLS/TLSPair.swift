import TLS

/// A client and a server session wired together in memory.
final class TLSPair {
    let client: TLSSession
    let server: TLSSession
    var clientGot: [UInt8] = []
    var serverGot: [UInt8] = []
    var clientEvents = TLSSession.Opened()
    var serverEvents = TLSSession.Opened()
    /// Bytes are handed over in pieces of this size.
    var piece = Int.max

    init(client: TLSContext, server: TLSContext, serverName: String? = "server.test") throws {
        self.client = try TLSSession(context: client, role: .client(serverName: serverName))
        self.server = try TLSSession(context: server, role: .server)
        self.client.start()
    }

    /// Carries bytes both ways until nobody has anything to say.
    func exchange() {
        while true {
            let up = self.client.takeOutput()
            let down = self.server.takeOutput()
            if up.isEmpty, down.isEmpty { return }
            Self.feed(up, to: self.server, &self.serverGot, &self.serverEvents, self.piece)
            Self.feed(down, to: self.client, &self.clientGot, &self.clientEvents, self.piece)
        }
    }

    /// Seals `plaintext` at the client and lets the server open it.
    func send(_ plaintext: [UInt8]) throws {
        let sealed = try Self.seal(plaintext, with: self.client)
        Self.feed(sealed, to: self.server, &self.serverGot, &self.serverEvents, self.piece)
    }

    static func seal(_ plaintext: [UInt8], with session: TLSSession) throws -> [UInt8] {
        let bound = TLSSession.ciphertextBound(plaintext.count)
        let sealed = try [UInt8](unsafeUninitializedCapacity: bound) { room, used in
            used = try plaintext.withUnsafeBytes { try session.seal($0, into: UnsafeMutableRawBufferPointer(room)) }
        }
        return sealed + session.takeOutput()
    }

    static func feed(
        _ bytes: [UInt8],
        to session: TLSSession,
        _ got: inout [UInt8],
        _ events: inout TLSSession.Opened,
        _ piece: Int,
        room: Int = 4096
    ) {
        var rest = bytes[...]
        while !rest.isEmpty {
            var chunk = rest.prefix(piece)
            rest = rest.dropFirst(chunk.count)
            var opened: TLSSession.Opened
            repeat {
                opened = TLSSession.Opened()
                got += [UInt8](unsafeUninitializedCapacity: room) { space, used in
                    chunk.withUnsafeBytes { opened = session.open($0, into: UnsafeMutableRawBufferPointer(space)) }
                    used = opened.plaintext
                }
                chunk = chunk.dropFirst(opened.consumed)
                if opened.established { events.established = true }
                if opened.peerClosed { events.peerClosed = true }
                if events.failure == nil { events.failure = opened.failure }
            } while opened.more
        }
    }
}
