/// A certificate with its chain and private key, as one side presents itself.
package struct TLSIdentity: Sendable, Equatable {
    /// PEM, the leaf first, intermediates after it.
    package let certificateChainPEM: [UInt8]
    /// PEM, unencrypted.
    package let privateKeyPEM: [UInt8]

    /// Holds both as given; they are parsed when a context is made of them.
    package init(certificateChainPEM: [UInt8], privateKeyPEM: [UInt8]) {
        self.certificateChainPEM = certificateChainPEM
        self.privateKeyPEM = privateKeyPEM
    }
}
