/// Whom a side believes.
package enum TLSTrust: Sendable, Equatable {
    /// The operating system's authorities.
    case system
    /// Only these authorities (PEM, one or more certificates).
    case authorities(pem: [UInt8])
    /// These authorities, and these very certificates, whoever issued them (PEM, one or more).
    case certificates(pem: [UInt8])
    /// Anybody, unchecked: what `insecure-skip-tls-verify` asks for. A peer's certificate, if any, is still reported.
    case nobodyChecked
}
