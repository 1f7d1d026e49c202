import Actor
import Message
import TLS

/// A participant on one link: what it shows of who it is, and what it is issued for that.
struct ParticipantIdentity: Sendable {
    let hello: Hello
    /// On its link.
    let certificate: PeerCertificate?
    let credentials: ManagerCredentials

    private var claim: Evidence.Claim {
        guard let agent = hello.agent, hello.kind == .agent else { return .workstation }
        return .agent(namespace: agent.namespace, pod: agent.podName)
    }

    /// What it shows at the beginning of a session.
    ///
    /// - Throws: `unauthenticated` when the link is another session's.
    func evidence(known manager: TrafficManager) async throws(ManagerFailure) -> Evidence {
        var issued: Principal?
        if let certificate, credentials.issuer(of: certificate) == .manager {
            switch CertificateName(certificate) {
            case .agent(let principal): issued = principal
            case .session(let id):
                guard id == hello.sessionID else {
                    throw ManagerFailure(.unauthenticated, "the link's certificate is that of another session")
                }
                issued = await manager.principal(of: id)
            case .manager, nil:
                throw ManagerFailure(.unauthenticated, "the link's certificate is not that of a participant")
            }
        }
        return evidence(token: hello.credential, issued: issued)
    }

    private func evidence(token: String, issued: Principal?) -> Evidence {
        var user: Evidence.CertifiedUser?
        if let certificate, credentials.issuer(of: certificate) == .cluster, let name = certificate.commonName,
            !name.isEmpty, certificate.notAfter > CredentialKeeper.now
        {
            user = Evidence.CertifiedUser(name: name, groups: certificate.organizations)
        }
        return Evidence(claim: claim, token: token, certifiedUser: user, issued: issued)
    }

    /// A certificate for the key it has named; nil when it wants none.
    func certificate(
        session: String,
        _ principal: Principal,
        publicKey: [UInt8]
    ) throws(ManagerFailure) -> IssuedCertificate? {
        guard !publicKey.isEmpty else { return nil }
        do throws(TLSError) {
            return try credentials.issue(CertificateName(session: session, of: principal), publicKey: publicKey)
        } catch {
            throw ManagerFailure(.invalid, "no certificate can be issued for this key: \(error)")
        }
    }

    /// Another certificate for the same session, when it still is who it was.
    ///
    /// - Returns: What it is answered, and as whom it is known now: groups may have changed.
    func renew(
        _ request: RenewRequest,
        _ judge: any AccessJudge,
        session: String,
        as former: Principal
    ) async -> (Renewal, Principal?) {
        do throws(ManagerFailure) {
            // What was issued before proves nothing now: the right to it may have been taken away.
            let principal = try await judge.identify(evidence(token: request.credential, issued: nil))
            guard principal.isSame(as: former) else {
                throw ManagerFailure(.unauthenticated, "this session is that of \(former), not of \(principal)")
            }
            let made = try certificate(session: session, principal, publicKey: request.publicKey)
            return (Renewal(certificate: made), principal)
        } catch {
            return (Renewal(code: error.code.rawValue, message: error.message), nil)
        }
    }
}
