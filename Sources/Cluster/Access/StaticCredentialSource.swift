/// A credential that does not change.
package struct StaticCredentialSource: CredentialSource {
    private let credential: Credential

    package init(_ credential: Credential) {
        self.credential = credential
    }

    package var canRefresh: Bool { false }

    package func credential(afterRefusal: Bool) async throws(CredentialError) -> Credential {
        credential
    }
}
