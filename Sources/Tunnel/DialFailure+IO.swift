internal import Glibc
internal import NIOCore
internal import NIOPosix

extension DialFailure {
    /// What an error of a socket means for the one who dialled.
    package init(_ error: any Error) {
        switch error {
        case let failure as DialFailure: self = failure
        case let failure as IOError: self.init(errno: failure.errnoCode)
        case let failure as NIOConnectionError:
            guard let last = failure.connectionErrors.last?.error else {
                // No address at all: the name is not known there.
                self = .unreachable
                return
            }
            self.init(last)
        case ChannelError.connectTimeout: self = .timeout
        default: self = .failed("\(error)")
        }
    }

    private init(errno code: CInt) {
        switch code {
        case ECONNREFUSED: self = .refused
        case EHOSTUNREACH, ENETUNREACH, EHOSTDOWN, ENETDOWN, EADDRNOTAVAIL: self = .unreachable
        case ETIMEDOUT: self = .timeout
        case EACCES, EPERM: self = .policy
        default: self = .failed(strerror(code).map { String(cString: $0) } ?? "error \(code)")
        }
    }
}
