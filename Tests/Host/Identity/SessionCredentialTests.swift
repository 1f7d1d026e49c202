import Message
import TLS
import Testing

@testable import Host

@Suite(.timeLimit(.minutes(1))) struct SessionCredentialTests {
    @Test("A certificate is asked for anew after two thirds of its life, and again while no answer comes")
    func renewed() async throws {
        let authority = try CertificateAuthority(commonName: "test")
        let credential = try SessionCredential(authorities: authority.certificatePEM)
        let start = ContinuousClock.now
        credential.take(IssuedCertificate(chain: [], lifetimeSeconds: 3))
        let (asked, ask) = AsyncStream.makeStream(of: ContinuousClock.Instant.self)
        let keeping = Task { await credential.keepRenewed { ask.yield(.now) } }
        var times: [ContinuousClock.Instant] = []
        for await time in asked {
            times.append(time)
            if times.count == 2 { break }
        }
        keeping.cancel()
        #expect(start.duration(to: times[0]) >= .seconds(2))
        #expect(times[0].duration(to: times[1]) >= .seconds(1))
    }

    @Test(
        "Without a certificate nothing is renewed; one with any lifetime can be taken",
        arguments: [0, 1, UInt64.max]
    )
    func ends(lifetime: UInt64) async throws {
        let authority = try CertificateAuthority(commonName: "test")
        let credential = try SessionCredential(authorities: authority.certificatePEM)
        await credential.keepRenewed { Issue.record("asked for nothing") }
        credential.take(IssuedCertificate(chain: [], lifetimeSeconds: lifetime))
        #expect(credential.isValid == (lifetime > 0))
        credential.forget()
        #expect(!credential.isValid && credential.renewal == nil)
    }
}
