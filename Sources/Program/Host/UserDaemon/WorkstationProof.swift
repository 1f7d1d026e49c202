import Actor
import Cluster
import HTTP2
import TLS

/// What a kubeconfig has to prove its user to the manager: a token, or a certificate of the cluster's authority.
struct WorkstationProof: Sendable {
    /// The bearer token; empty when there is none.
    let token: String
    private let identity: TLSIdentity?

    /// Asks the credential's source.
    ///
    /// Where there are both the manager believes the certificate, as the API server does. One that it cannot check is not shown: the
    /// link would fail by it.
    init(_ access: Cluster.ClusterAccess, _ manager: ManagerPlace) async throws(DaemonFailure) {
        let credential: Credential
        do throws(CredentialError) {
            credential = try await access.credentials.credential(afterRefusal: false)
        } catch {
            throw DaemonFailure(.unauthenticated, error.description)
        }
        token = credential.token ?? ""
        if let chain = credential.certificatePEM, let key = credential.privateKeyPEM, manager.takesClientCertificates {
            identity = TLSIdentity(certificateChainPEM: chain, privateKeyPEM: key)
        } else {
            identity = nil
        }
    }

    /// The TLS settings of the session's first link.
    func context(_ manager: ManagerPlace) throws(TLSError) -> TLSContext {
        try TLSContext.client(
            trust: .authorities(pem: manager.authority),
            identity: identity,
            alpn: [Link.forward],
            minimumVersion: .v1_3
        )
    }
}
