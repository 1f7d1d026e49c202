import NIOCore

@testable import HTTP2

/// Two sessions wired together in memory.
final class SessionPair {
    let client: HTTP2Session
    let server: HTTP2Session
    var clientEvents: [SessionEvent] = []
    var serverEvents: [SessionEvent] = []
    var clientFailure: HTTP2Error?
    var serverFailure: HTTP2Error?
    /// Bytes are handed over in pieces of this size.
    var piece = Int.max

    init(
        client: LinkConfiguration = LinkConfiguration(),
        server: LinkConfiguration = LinkConfiguration()
    ) throws {
        self.client = try HTTP2Session(isServer: false, configuration: client)
        self.server = try HTTP2Session(isServer: true, configuration: server)
        try self.exchange()
        self.clientEvents = []
        self.serverEvents = []
    }

    /// Carries bytes both ways until nobody has anything to say.
    func exchange() throws {
        while true {
            let up = try Self.output(self.client)
            let down = try Self.output(self.server)
            if up.readableBytes == 0, down.readableBytes == 0 { return }
            self.serverFailure = self.feed(up, self.server) ?? self.serverFailure
            self.clientFailure = self.feed(down, self.client) ?? self.clientFailure
            self.serverEvents += self.server.takeEvents()
            self.clientEvents += self.client.takeEvents()
        }
    }

    static func output(_ session: HTTP2Session, limit: Int = 1 << 20) throws -> ByteBuffer {
        var all = ByteBuffer()
        while try session.produce(limit: limit, emit: { all.writeImmutableBuffer($0) }) > 0 {}
        return all
    }

    private func feed(_ bytes: ByteBuffer, _ session: HTTP2Session) -> HTTP2Error? {
        var rest = bytes
        while let part = rest.readSlice(length: min(self.piece, rest.readableBytes)), part.readableBytes > 0 {
            if let failure = session.receive(part) { return failure }
        }
        return nil
    }

    /// The streams that the client has opened, as the server sees them.
    var opened: [(stream: SessionStream, fields: HeaderBlock)] {
        self.serverEvents.compactMap {
            if case .opened(let stream, let fields, _) = $0 { (stream, fields) } else { nil }
        }
    }

    /// All bytes of DATA among events.
    static func data(_ events: [SessionEvent]) -> ByteBuffer {
        events.reduce(into: ByteBuffer()) { if case .data(_, let bytes) = $1 { $0.writeImmutableBuffer(bytes) } }
    }

    static func closeCodes(_ events: [SessionEvent]) -> [HTTP2ErrorCode] {
        events.compactMap { if case .closed(_, let code) = $0 { code } else { nil } }
    }

    static func get(with more: [HeaderField]) -> HeaderBlock { HeaderBlock(get.fields + more) }

    static let get: HeaderBlock = [
        HeaderField(":method", "POST"), HeaderField(":scheme", "https"), HeaderField(":authority", "a"),
        HeaderField(":path", "/x"),
    ]
}
