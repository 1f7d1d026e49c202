/// What a participant shows of who it is.
///
/// Certificates have been verified by TLS; the token has not been looked at.
package struct Evidence: Sendable, Equatable {
    /// What the participant says it is; a proof is asked for that it is.
    package enum Claim: Sendable, Equatable {
        case workstation
        case agent(namespace: String, pod: String)
    }

    /// A user whom a certificate of the cluster's client authority names.
    package struct CertifiedUser: Sendable, Equatable {
        /// The subject's common name.
        package let name: String
        /// The subject's organizations.
        package let groups: [String]

        package init(name: String, groups: [String]) {
            self.name = name
            self.groups = groups
        }
    }

    package let claim: Claim
    /// The bearer token; empty when there is none.
    package let token: String
    /// From a client certificate that the cluster's authority has signed.
    package let certifiedUser: CertifiedUser?
    /// What a certificate of the manager's own authority says, which was given for an identity proven before.
    package let issued: Principal?

    package init(
        claim: Claim,
        token: String = "",
        certifiedUser: CertifiedUser? = nil,
        issued: Principal? = nil
    ) {
        self.claim = claim
        self.token = token
        self.certifiedUser = certifiedUser
        self.issued = issued
    }
}

extension Evidence: CustomStringConvertible {
    /// Without the token: it must not get into a log.
    package var description: String {
        "\(claim), \(token.isEmpty ? "no token" : "a token"), certificate: \(certifiedUser?.name ?? "none")"
    }
}
