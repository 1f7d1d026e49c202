import TLS
import Testing

@Suite struct ClientHelloTests {
    /// What OpenSSL says first.
    private static func hello(
        _ alpn: [String],
        _ serverName: String?,
        newest: TLSVersion = .v1_3
    ) throws -> [UInt8] {
        let context = try TLSContext.client(trust: .nobodyChecked, identity: nil, alpn: alpn, maximumVersion: newest)
        let session = try TLSSession(context: context, role: .client(serverName: serverName))
        session.start()
        return session.takeOutput()
    }

    private static func read(_ bytes: some Sequence<UInt8>) -> ClientHello.Reading {
        Array(bytes).withUnsafeBytes { ClientHello.read($0) }
    }

    @Test(
        "what a real client says is read, and no part of it is taken for the whole",
        arguments: [TLSVersion.v1_2, .v1_3]
    )
    func real(newest: TLSVersion) throws {
        let bytes = try Self.hello(["h2", "http/1.1"], "web.example", newest: newest)
        for count in 0..<bytes.count { #expect(Self.read(bytes.prefix(count)) == .partial, "\(count)") }
        let expected = ClientHello.Reading.hello(ClientHello(serverName: "web.example", alpn: ["h2", "http/1.1"]))
        #expect(Self.read(bytes) == expected)
        #expect(Self.read(bytes + [23, 3, 3]) == expected)
    }

    @Test("a client may say neither a name nor a protocol") func sparse() throws {
        #expect(Self.read(try Self.hello([], nil)) == .hello(ClientHello()))
    }

    @Test("a message in several records is put together") func records() throws {
        let bytes = try Self.hello(["http/1.1"], "a")
        var cut: [UInt8] = []
        for byte in bytes.dropFirst(5) { cut += [22, 3, 1, 0, 1, byte] }
        for count in 0..<cut.count { #expect(Self.read(cut.prefix(count)) == .partial, "\(count)") }
        #expect(Self.read(cut) == .hello(ClientHello(serverName: "a", alpn: ["http/1.1"])))
    }

    @Test(
        "what is not TLS is known by its first bytes",
        arguments: [
            Array("G".utf8), Array("PRI * HTTP/2.0".utf8), [0], [22, 2], [22, 3, 1, 0, 0], [22, 3, 1, 0xFF, 0xFF],
            [22, 3, 1, 0, 4, 2], [22, 3, 1, 0, 4, 1, 2, 0, 0], [22, 3, 1, 0, 5, 1, 0, 0, 1, 3],
        ]
    )
    func others(bytes: [UInt8]) {
        #expect(Self.read(bytes) == .notTLS)
    }

    @Test("nothing in a message makes it trap", arguments: 0..<20) func broken(seed: UInt64) throws {
        let good = try Self.hello(["h2", "http/1.1"], "web.example")
        var state = seed &+ 1
        func number(below bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int((state >> 33) % UInt64(bound))
        }
        for _ in 0..<500 {
            var bytes = good
            for _ in 0...number(below: 4) { bytes[number(below: bytes.count)] = UInt8(number(below: 256)) }
            _ = Self.read(bytes.prefix(number(below: bytes.count + 1)))
            _ = Self.read(bytes)
        }
    }
}
