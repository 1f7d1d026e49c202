import CKernel
import Glibc

/// Sockets made, bound and connected.
///
/// All are close-on-exec. Each belongs to the network namespace of the calling thread: combine with
/// `NetworkNamespace.run` for another one.
package enum Sockets {
    private static let stream = CInt(SOCK_STREAM.rawValue)
    private static let datagram = CInt(SOCK_DGRAM.rawValue)

    private static func make(_ family: CInt, _ type: CInt, _ subject: String) throws(SystemError) -> Descriptor {
        let number = socket(family, type | CInt(SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else { throw .last("socket", subject) }
        return Descriptor(number)
    }

    private static func make(
        _ address: InternetAddress,
        _ type: CInt,
        _ subject: String
    ) throws(SystemError) -> Descriptor {
        let made = try make(address.family == .v4 ? AF_INET : AF_INET6, type, subject)
        if address.family == .v6 { try set(made, protocolV6, IPV6_V6ONLY, 1) }
        return made
    }

    private static let protocolV6 = CInt(IPPROTO_IPV6)

    /// Sets an integer option.
    package static func set(_ socket: Descriptor, _ level: CInt, _ option: CInt, _ value: CInt) throws(SystemError) {
        var value = value
        guard setsockopt(socket.rawValue, level, option, &value, socklen_t(MemoryLayout<CInt>.size)) == 0 else {
            throw .last("setsockopt", "\(level)/\(option)")
        }
    }

    /// Marks what the socket sends (`SO_MARK`), for rules and filters.
    ///
    /// Needs CAP_NET_ADMIN.
    package static func setMark(_ socket: Descriptor, _ mark: UInt32) throws(SystemError) {
        try set(socket, SOL_SOCKET, 36, CInt(bitPattern: mark))
    }

    /// Gives a socket its address.
    package static func bind(_ socket: Descriptor, _ endpoint: InternetEndpoint) throws(SystemError) {
        let bound = endpoint.withSocketAddress { Glibc.bind(socket.rawValue, $0, $1) }
        guard bound == 0 else { throw .last("bind", "\(endpoint)") }
    }

    /// A TCP socket that listens.
    ///
    /// Port 0 takes a free one (see `localEndpoint`).
    ///
    /// IPv6 means IPv6 alone. With `freeBind` the address need not exist yet (`IP_FREEBIND`).
    package static func listenTCP(
        _ endpoint: InternetEndpoint,
        backlog: CInt = 1024,
        freeBind: Bool = false
    ) throws(SystemError) -> Descriptor {
        let made = try make(endpoint.address, stream, "tcp")
        if freeBind { try setFreeBind(made, endpoint.address.family) }
        try listen(made, endpoint, backlog: backlog)
        return made
    }

    /// Has a TCP socket listen on an endpoint.
    package static func listen(
        _ socket: Descriptor,
        _ endpoint: InternetEndpoint,
        backlog: CInt = 1024
    ) throws(SystemError) {
        try set(socket, SOL_SOCKET, SO_REUSEADDR, 1)
        try bind(socket, endpoint)
        guard Glibc.listen(socket.rawValue, backlog) == 0 else { throw .last("listen", "\(endpoint)") }
    }

    private static func setFreeBind(_ socket: Descriptor, _ family: InternetAddress.Family) throws(SystemError) {
        switch family {
        case .v4: try set(socket, CInt(IPPROTO_IP), 15, 1)
        case .v6: try set(socket, protocolV6, 78, 1)
        }
    }

    /// A TCP connection, waiting at most the given time for it.
    ///
    /// Blocks.
    package static func connectTCP(
        _ endpoint: InternetEndpoint,
        timeoutMilliseconds: CInt = 10_000,
        mark: UInt32? = nil
    ) throws(SystemError) -> Descriptor {
        let made = try make(endpoint.address, stream, "tcp")
        if let mark { try setMark(made, mark) }
        try connect(made, endpoint, timeoutMilliseconds: timeoutMilliseconds)
        return made
    }

    /// Connects a socket, waiting at most the given time.
    ///
    /// Blocks; the socket is blocking afterwards.
    package static func connect(
        _ socket: Descriptor,
        _ endpoint: InternetEndpoint,
        timeoutMilliseconds: CInt
    ) throws(SystemError) {
        try socket.setNonBlocking(true)
        let begun = endpoint.withSocketAddress { Glibc.connect(socket.rawValue, $0, $1) }
        if begun != 0 {
            guard errno == EINPROGRESS else { throw .last("connect", "\(endpoint)") }
            try finishConnecting(socket, endpoint, timeoutMilliseconds: timeoutMilliseconds)
        }
        try socket.setNonBlocking(false)
    }

    /// Waits until a connection that was begun stands, and tells why when it does not.
    ///
    /// Blocks; the socket is non-blocking.
    ///
    /// That poll reports something and `SO_ERROR` nothing does not mean that the connection stands. When an ICMP error ends
    /// an IPv4 dial, Linux (`tcp_v4_err`, seen in 6.18) first puts it on the socket's error queue, asked for or not, which
    /// wakes who polls, and sets the error only then. Both happen under the socket's lock, which another `connect` takes:
    /// it knows.
    static func finishConnecting(
        _ socket: Descriptor,
        _ endpoint: InternetEndpoint,
        timeoutMilliseconds: CInt
    ) throws(SystemError) {
        let deadline = ContinuousClock.now + .milliseconds(timeoutMilliseconds)
        var remaining = timeoutMilliseconds
        while try wait(socket, CInt(POLLOUT), remaining) {
            var failure: CInt = 0
            var length = socklen_t(MemoryLayout<CInt>.size)
            guard getsockopt(socket.rawValue, SOL_SOCKET, SO_ERROR, &failure, &length) == 0 else {
                throw .last("connect", "\(endpoint)")
            }
            guard failure == 0 else { throw SystemError("connect", "\(endpoint)", code: failure) }
            let again = endpoint.withSocketAddress { Glibc.connect(socket.rawValue, $0, $1) }
            if again == 0 || errno == EISCONN { return }
            guard errno == EALREADY else { throw .last("connect", "\(endpoint)") }
            if timeoutMilliseconds >= 0 {
                remaining = CInt((max(.zero, deadline - .now) / .milliseconds(1)).rounded(.up))
            }
        }
        throw SystemError("connect", "\(endpoint)", code: ETIMEDOUT)
    }

    /// A UDP socket bound to an endpoint; port 0 takes a free one.
    package static func bindUDP(
        _ endpoint: InternetEndpoint,
        mark: UInt32? = nil,
        freeBind: Bool = false
    ) throws(SystemError) -> Descriptor {
        let made = try make(endpoint.address, datagram, "udp")
        if let mark { try setMark(made, mark) }
        if freeBind { try setFreeBind(made, endpoint.address.family) }
        try bind(made, endpoint)
        return made
    }

    /// A UDP socket that talks to one peer, and therefore hears of its refusals.
    package static func connectUDP(_ peer: InternetEndpoint, mark: UInt32? = nil) throws(SystemError) -> Descriptor {
        let made = try make(peer.address, datagram, "udp")
        if let mark { try setMark(made, mark) }
        let done = peer.withSocketAddress { Glibc.connect(made.rawValue, $0, $1) }
        guard done == 0 else { throw .last("connect", "\(peer)") }
        return made
    }

    /// Waits until the socket is ready for `events` (poll's bits); false when the time is over.
    ///
    /// -1 waits for ever.
    package static func wait(
        _ socket: Descriptor,
        _ events: CInt,
        _ timeoutMilliseconds: CInt
    ) throws(SystemError) -> Bool {
        var entry = pollfd(fd: socket.rawValue, events: Int16(truncatingIfNeeded: events), revents: 0)
        while true {
            let ready = poll(&entry, 1, timeoutMilliseconds)
            if ready >= 0 { return ready > 0 }
            guard errno == EINTR else { throw .last("poll") }
        }
    }

    /// Takes the next connection of a listener.
    ///
    /// Blocks unless the listener is non-blocking.
    package static func accept(_ listener: Descriptor) throws(SystemError) -> Descriptor {
        while true {
            let number = ck_accept(listener.rawValue)
            if number >= 0 { return Descriptor(number) }
            guard errno == EINTR else { throw .last("accept") }
        }
    }

    /// The socket's own address and port.
    package static func localEndpoint(_ socket: Descriptor) throws(SystemError) -> InternetEndpoint {
        try endpoint(socket, "getsockname") { getsockname($0, $1, $2) }
    }

    /// The address and port of the peer.
    package static func peerEndpoint(_ socket: Descriptor) throws(SystemError) -> InternetEndpoint {
        try endpoint(socket, "getpeername") { getpeername($0, $1, $2) }
    }

    private static func endpoint(
        _ socket: Descriptor,
        _ operation: String,
        _ call: (CInt, UnsafeMutablePointer<sockaddr>, UnsafeMutablePointer<socklen_t>) -> CInt
    ) throws(SystemError) -> InternetEndpoint {
        var storage = sockaddr_storage()
        var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
        let done = withUnsafeMutablePointer(to: &storage) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { call(socket.rawValue, $0, &length) }
        }
        guard done == 0 else { throw .last(operation) }
        guard let endpoint = InternetEndpoint(&storage, length: length) else {
            throw SystemError(operation, code: EAFNOSUPPORT)
        }
        return endpoint
    }
}
