internal import COpenSSL

/// The oldest protocol version that a context accepts.
package enum TLSVersion: Sendable {
    case v1_2
    case v1_3

    /// The number that OpenSSL knows the version by.
    var code: Int32 {
        switch self {
        case .v1_2: TLS1_2_VERSION
        case .v1_3: TLS1_3_VERSION
        }
    }
}
