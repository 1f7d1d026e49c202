import Actor
import TLS
import Testing

@testable import Host

@Suite struct CertificateNameTests {
    private let authority: CertificateAuthority

    init() throws {
        authority = try CertificateAuthority(commonName: "test")
    }

    private func read(_ uris: [String]) throws -> CertificateName? {
        let made = try authority.issue(commonName: "x", uris: uris)
        return CertificateName(try PeerCertificate(pem: made.certificateChainPEM))
    }

    @Test(
        "A name is read back as it was written",
        arguments: [
            CertificateName.session("0a1b"), .manager,
            .agent(.agent(namespace: "shop", pod: "web-1", podUID: "u-1", serviceAccount: "default")),
        ]
    )
    func roundTrip(name: CertificateName) throws {
        #expect(try read(name.uris) == name)
    }

    @Test(
        "What is none of ours, or means two things, is nobody's",
        arguments: [
            [], ["https://session/1"], ["telepresence://session"], ["telepresence://session/"],
            ["telepresence://session/1/2"], ["telepresence://agent/shop/web-1"],
            ["telepresence://agent/shop", "telepresence://pod-uid/u", "telepresence://service-account/d"],
            ["telepresence://session/1", "telepresence://session/2"],
            ["telepresence://session/1", "telepresence://manager"], ["telepresence://manager/x"],
        ]
    )
    func refused(uris: [String]) throws {
        #expect(try read(uris) == nil)
    }

    @Test("A participant's certificate names an agent by its pod, anybody else by the session")
    func participants() {
        let agent = Principal.agent(namespace: "n", pod: "p", podUID: "u", serviceAccount: "s")
        #expect(CertificateName(session: "1", of: agent) == .agent(agent))
        #expect(CertificateName(session: "1", of: .user(name: "ann", groups: [])) == .session("1"))
        #expect(CertificateName(session: "1", of: .unproven) == .session("1"))
        #expect(CertificateName.session(String(repeating: "x", count: 90)).commonName.utf8.count == 64)
    }
}
