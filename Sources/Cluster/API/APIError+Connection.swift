internal import NIOCore
internal import NIOPosix
internal import TLS

#if canImport(Glibc)
internal import Glibc
#else
internal import Darwin
#endif

extension APIError {
    /// Words for a connection to the API server that could not be made or did not last.
    init(connecting error: any Error, access: ClusterAccess) {
        let server = access.endpoint.url
        switch error {
        case let error as APIError:
            self = error
        case let error as CredentialError:
            self.init(kind: .credentials, message: error.description)
        case let error as ProxyError:
            self.init(
                kind: .unreachable,
                message: "the server \(server) cannot be reached: \(error); check proxy-url of the cluster in the "
                    + "kubeconfig, or HTTPS_PROXY and NO_PROXY"
            )
        case let error as TLSError:
            switch error {
            case .refusedByPeer:
                self.init(
                    kind: .unauthorized,
                    message: "\(server) refused the client certificate of \(access.identity) (\(error)); "
                        + "it may have expired: log in again or correct the kubeconfig"
                )
            case .badCredentials:
                self.init(
                    kind: .credentials,
                    message: "the certificate, key or authority of \(access.identity) cannot be used: \(error)"
                )
            case .truncated, .closedDuringHandshake, .handshakeTimedOut:
                self.init(kind: .unreachable, message: "the connection to \(server) failed: \(error)")
            default:
                self.init(
                    kind: .untrusted,
                    message: "the server \(server) cannot be trusted: \(error); check certificate-authority and "
                        + "tls-server-name of the cluster in the kubeconfig"
                )
            }
        case let error as NIOConnectionError:
            self.init(kind: .unreachable, message: Self.words(error, access.endpoint))
        case ChannelError.connectTimeout:
            self.init(
                kind: .unreachable,
                message: "the server \(server) does not answer (connect timed out); is the network up, is a VPN needed?"
            )
        default:
            self.init(kind: .unreachable, message: "the connection to \(server) failed: \(error)")
        }
    }

    private static func words(_ error: NIOConnectionError, _ endpoint: ClusterEndpoint) -> String {
        if error.connectionErrors.isEmpty {
            return "the host name \(endpoint.host) of the server \(endpoint.url) cannot be resolved; "
                + "check the name and the network"
        }
        for failure in error.connectionErrors {
            if let errno = failure.error as? IOError, errno.errnoCode == ECONNREFUSED {
                return "the server \(endpoint.url) refused the connection; is the cluster running?"
            }
        }
        for failure in error.connectionErrors {
            if case ChannelError.connectTimeout = failure.error {
                return
                    "the server \(endpoint.url) does not answer (connect timed out); is the network up, is a VPN needed?"
            }
        }
        let reasons = error.connectionErrors.map { "\($0.target): \($0.error)" }.joined(separator: "; ")
        return "the server \(endpoint.url) cannot be reached (\(reasons))"
    }
}
