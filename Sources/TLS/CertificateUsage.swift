/// What an issued certificate may be used for.
package struct CertificateUsage: OptionSet, Sendable {
    package let rawValue: Int

    /// Makes a set of usages.
    package init(rawValue: Int) { self.rawValue = rawValue }

    /// To prove a server's identity.
    package static let server = CertificateUsage(rawValue: 1)
    /// To prove a client's identity.
    package static let client = CertificateUsage(rawValue: 2)
}
