import Glibc

/// A socket that the holder can make inside its network namespace.
enum InsideSocket: UInt8 {
    case tcpV4 = 1
    case tcpV6 = 2
    case udpV4 = 3
    case udpV6 = 4

    var family: CInt { self == .tcpV4 || self == .udpV4 ? AF_INET : AF_INET6 }

    var type: CInt {
        self == .tcpV4 || self == .tcpV6 ? CInt(SOCK_STREAM.rawValue) : CInt(SOCK_DGRAM.rawValue)
    }
}
