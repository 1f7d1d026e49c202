/// Something that knows the credential of a user: fixed, in a file that is rotated, or made by a program.
package protocol CredentialSource: Sendable {
    /// The credential for the next request.
    ///
    /// - Parameter afterRefusal: whether the server has just refused the one given before, so that a cached one is of no use.
    /// - Returns: A credential that is believed to be valid now.
    /// - Throws: ``CredentialError`` with words for the user.
    func credential(afterRefusal: Bool) async throws(CredentialError) -> Credential

    /// Whether asking again after a refusal can give another credential.
    var canRefresh: Bool { get }
}

/// Why no credential could be had, and what to do about it.
package struct CredentialError: Error, Sendable, Hashable, CustomStringConvertible {
    package let description: String

    package init(description: String) {
        self.description = description
    }
}
