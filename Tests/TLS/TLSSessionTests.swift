import TLS
import Testing

@Suite struct TLSSessionTests {
    let authority: CertificateAuthority
    let identity: TLSIdentity

    init() throws {
        self.authority = try CertificateAuthority(commonName: "test authority")
        self.identity = try self.authority.issue(
            commonName: "server",
            dnsNames: ["server.test"],
            ipAddresses: ["10.1.2.3"]
        )
    }

    private func client(
        trust: TLSTrust? = nil,
        identity: TLSIdentity? = nil,
        alpn: [String] = []
    ) throws -> TLSContext {
        try .client(trust: trust ?? .authorities(pem: self.authority.certificatePEM), identity: identity, alpn: alpn)
    }

    private func server(_ identity: TLSIdentity? = nil, alpn: [String] = []) throws -> TLSContext {
        try .server(
            identity: identity ?? self.identity,
            clientTrust: nil,
            requireClientCertificate: false,
            alpn: alpn
        )
    }

    @Test("a handshake establishes both sides and bytes pass both ways")
    func handshake() throws {
        let pair = try TLSPair(client: self.client(alpn: ["h2", "x"]), server: self.server(alpn: ["x", "h2"]))
        pair.exchange()
        #expect(pair.clientEvents.established && pair.serverEvents.established)
        #expect(pair.client.alpn == "x" && pair.server.alpn == "x")
        #expect(pair.client.cipher == "TLSv1.3 TLS_AES_128_GCM_SHA256")
        #expect(pair.client.peerCertificate?.dnsNames == ["server.test"])
        #expect(pair.client.peerCertificate?.ipAddresses == ["10.1.2.3"])
        let data = (0..<100_000).map { UInt8(truncatingIfNeeded: $0) }
        try pair.send(data)
        #expect(pair.serverGot == data)
        var events = TLSSession.Opened()
        TLSPair.feed(try TLSPair.seal(data, with: pair.server), to: pair.client, &pair.clientGot, &events, .max)
        #expect(pair.clientGot == data)
    }

    @Test("a session works however the stream is cut", arguments: [1, 2, 3, 5, 7, 100, 16_000])
    func split(piece: Int) throws {
        let pair = try TLSPair(client: self.client(), server: self.server())
        pair.piece = piece
        pair.exchange()
        #expect(pair.clientEvents.established && pair.serverEvents.established)
        let data = (0..<40_000).map { UInt8(truncatingIfNeeded: $0 &* 7) }
        try pair.send(data)
        #expect(pair.serverGot == data)
        #expect(pair.serverEvents.failure == nil)
    }

    @Test("every single split point of a record gives the same plaintext")
    func everySplit() throws {
        let pair = try TLSPair(client: self.client(), server: self.server())
        pair.exchange()
        let data = [UInt8]("forty bytes of text cut at every place..".utf8)
        var events = TLSSession.Opened()
        for cut in 0...(data.count + 22) {
            let sealed = try TLSPair.seal(data, with: pair.client)
            var got: [UInt8] = []
            for part in [sealed.prefix(cut), sealed.dropFirst(cut)] {
                TLSPair.feed(Array(part), to: pair.server, &got, &events, .max, room: 16)
            }
            #expect(got == data, "cut at \(cut)")
        }
    }

    @Test("an expired certificate is called expired")
    func expired() throws {
        let old = try self.authority.issue(
            commonName: "old",
            dnsNames: ["server.test"],
            days: 1,
            validFrom: -10 * 86_400
        )
        let pair = try TLSPair(client: self.client(), server: self.server(old))
        pair.exchange()
        #expect(pair.clientEvents.failure == .certificateExpired(subject: "CN=old"))
        #expect(pair.serverEvents.failure == .refusedByPeer(alert: "certificate expired"))
    }

    @Test("a certificate of the future is called not yet valid")
    func notYet() throws {
        let early = try self.authority.issue(commonName: "early", dnsNames: ["server.test"], validFrom: 86_400)
        let pair = try TLSPair(client: self.client(), server: self.server(early))
        pair.exchange()
        #expect(pair.clientEvents.failure == .certificateNotYetValid(subject: "CN=early"))
    }

    @Test("an unknown authority is named")
    func unknownAuthority() throws {
        let other = try CertificateAuthority(commonName: "somebody else")
        let context = try self.client(trust: .authorities(pem: other.certificatePEM))
        let pair = try TLSPair(client: context, server: self.server())
        pair.exchange()
        #expect(pair.clientEvents.failure == .unknownAuthority(issuer: "CN=test authority"))
        #expect(pair.serverEvents.failure == .refusedByPeer(alert: "unknown CA"))
    }

    @Test("a wrong name is told with the right ones", arguments: ["other.test", "10.9.9.9", "server.test.evil"])
    func wrongName(name: String) throws {
        let pair = try TLSPair(client: self.client(), server: self.server(), serverName: name)
        pair.exchange()
        let expected = TLSError.nameMismatch(expected: name, presented: ["server.test", "10.1.2.3"])
        #expect(pair.clientEvents.failure == expected)
    }

    @Test(
        "names and addresses of the certificate are accepted",
        arguments: ["server.test", "SERVER.test.", "10.1.2.3"]
    )
    func rightName(name: String) throws {
        let pair = try TLSPair(client: self.client(), server: self.server(), serverName: name)
        pair.exchange()
        #expect(pair.clientEvents.failure == nil)
        #expect(pair.clientEvents.established)
    }

    @Test("nobodyChecked accepts any certificate and still reports it")
    func unchecked() throws {
        let pair = try TLSPair(
            client: self.client(trust: .nobodyChecked),
            server: self.server(),
            serverName: "any.test"
        )
        pair.exchange()
        #expect(pair.clientEvents.established)
        #expect(pair.client.peerCertificate?.commonName == "server")
    }

    @Test("no protocol in common fails on both sides")
    func noALPN() throws {
        let pair = try TLSPair(client: self.client(alpn: ["h2"]), server: self.server(alpn: ["h2-reverse"]))
        pair.exchange()
        #expect(pair.serverEvents.failure == .noCommonApplicationProtocol(offered: ["h2-reverse"]))
        #expect(pair.clientEvents.failure == .noCommonApplicationProtocol(offered: ["h2"]))
    }

    @Test("a client without ALPN is served without")
    func absentALPN() throws {
        let pair = try TLSPair(client: self.client(), server: self.server(alpn: ["h2"]))
        pair.exchange()
        #expect(pair.serverEvents.established)
        #expect(pair.server.alpn == nil)
    }

    @Test("a client certificate brings its user and groups")
    func clientCertificate() throws {
        let server = try TLSContext.server(
            identity: self.identity,
            clientTrust: .authorities(pem: self.authority.certificatePEM),
            requireClientCertificate: true,
            alpn: []
        )
        let user = try self.authority.issue(commonName: "jane", organizations: ["devs", "ops"], usage: .client)
        let pair = try TLSPair(client: self.client(identity: user), server: server)
        pair.exchange()
        #expect(pair.serverEvents.established)
        #expect(pair.server.peerCertificate?.commonName == "jane")
        #expect(pair.server.peerCertificate?.organizations == ["devs", "ops"])

        let without = try TLSPair(client: self.client(), server: server)
        without.exchange()
        #expect(without.serverEvents.failure == .noClientCertificate)
        guard case .refusedByPeer = without.clientEvents.failure else {
            Issue.record("\(String(describing: without.clientEvents.failure))")
            return
        }
    }

    @Test("a certificate made for clients does not serve")
    func wrongUsage() throws {
        let user = try self.authority.issue(commonName: "jane", dnsNames: ["server.test"], usage: .client)
        let pair = try TLSPair(client: self.client(), server: self.server(user))
        pair.exchange()
        guard case .certificateRejected = pair.clientEvents.failure else {
            Issue.record("\(String(describing: pair.clientEvents.failure))")
            return
        }
    }

    @Test("what is not TLS fails and stays failed")
    func garbage() throws {
        let session = try TLSSession(context: self.server(), role: .server)
        var got: [UInt8] = []
        var events = TLSSession.Opened()
        TLSPair.feed(Array("GET / HTTP/1.1\r\n\r\n".utf8), to: session, &got, &events, .max)
        guard case .protocolViolation = events.failure else {
            Issue.record("\(String(describing: events.failure))")
            return
        }
        events = TLSSession.Opened()
        TLSPair.feed([1, 2, 3], to: session, &got, &events, .max)
        #expect(events.failure == .sessionOver)
    }

    @Test("a flipped bit in a record ends the session")
    func tampered() throws {
        let pair = try TLSPair(client: self.client(), server: self.server())
        pair.exchange()
        var sealed = try TLSPair.seal([1, 2, 3, 4], with: pair.client)
        sealed[8] ^= 1
        TLSPair.feed(sealed, to: pair.server, &pair.serverGot, &pair.serverEvents, .max)
        #expect(pair.serverGot.isEmpty)
        #expect(pair.serverEvents.failure != nil)
    }

    @Test("the closing alert is told from a cut")
    func closing() throws {
        let pair = try TLSPair(client: self.client(), server: self.server())
        pair.exchange()
        pair.client.close()
        pair.exchange()
        #expect(pair.serverEvents.peerClosed)
        #expect(pair.server.endOfInput() == nil)
        // The other half stays open.
        var events = TLSSession.Opened()
        TLSPair.feed(try TLSPair.seal([9], with: pair.server), to: pair.client, &pair.clientGot, &events, .max)
        #expect(pair.clientGot == [9])
        #expect(pair.client.endOfInput() == .truncated)
        #expect(throws: TLSError.sessionOver) { try TLSPair.seal([1], with: pair.client) }
    }
}
