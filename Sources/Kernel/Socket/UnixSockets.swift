import CKernel
import Glibc

/// Unix-domain stream sockets, the credentials of their peers, and descriptors sent over them.
package enum UnixSockets {
    /// Who is at the other end, as the kernel recorded it at `connect`.
    package struct Credentials: Hashable, Sendable {
        package let process: Int32
        package let user: UInt32
        package let group: UInt32
    }

    /// Listens at a path with the given mode.
    ///
    /// A dead socket file there is replaced; a live one is EADDRINUSE.
    package static func listen(
        _ path: String,
        mode: UInt32 = 0o600,
        backlog: CInt = 64
    ) throws(SystemError) -> Descriptor {
        if let live = try? connect(path) {
            live.close()
            throw SystemError("listen", path, code: EADDRINUSE)
        }
        _ = unlink(path)
        let made = try make()
        // The file gets the socket's own mode, less the umask, and so is never wider for a moment; to set the umask for the
        // while would be felt by all threads.
        guard fchmod(made.rawValue, mode) == 0 else { throw .last("fchmod", path) }
        let bound = try withAddress(path) { bind(made.rawValue, $0, $1) }
        guard bound == 0 else { throw .last("bind", path) }
        guard chmod(path, mode) == 0 else { throw .last("chmod", path) }
        guard Glibc.listen(made.rawValue, backlog) == 0 else { throw .last("listen", path) }
        return made
    }

    /// Connects to a listener.
    package static func connect(_ path: String) throws(SystemError) -> Descriptor {
        let made = try make()
        let done = try withAddress(path) { Glibc.connect(made.rawValue, $0, $1) }
        guard done == 0 else { throw .last("connect", path) }
        return made
    }

    /// Two connected sockets.
    package static func pair() throws(SystemError) -> (Descriptor, Descriptor) {
        var ends: [CInt] = [-1, -1]
        let type = CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue)
        guard socketpair(AF_UNIX, type, 0, &ends) == 0 else { throw .last("socketpair") }
        return (Descriptor(ends[0]), Descriptor(ends[1]))
    }

    /// Who is at the other end (`SO_PEERCRED`).
    package static func peerCredentials(_ socket: Descriptor) throws(SystemError) -> Credentials {
        var process: CInt = 0
        var user: UInt32 = 0
        var group: UInt32 = 0
        guard ck_peer_credentials(socket.rawValue, &process, &user, &group) == 0 else {
            throw .last("SO_PEERCRED")
        }
        return Credentials(process: process, user: user, group: group)
    }

    /// Sends bytes (at least one) with descriptors (at most 64).
    ///
    /// The descriptors stay open here.
    package static func send(
        _ bytes: [UInt8],
        descriptors: [Descriptor],
        over socket: Descriptor
    ) throws(SystemError) {
        let numbers = descriptors.map(\.rawValue)
        var sent = 0
        while sent < bytes.count {
            let first = sent == 0
            let count = bytes.withUnsafeBytes { raw in
                ck_send_descriptors(
                    socket.rawValue,
                    raw.baseAddress.map { $0 + sent },
                    raw.count - sent,
                    numbers,
                    first ? numbers.count : 0
                )
            }
            guard count >= 0 else {
                if errno == EINTR { continue }
                throw .last("sendmsg")
            }
            sent += count
        }
        withExtendedLifetime(descriptors) {}
    }

    /// Receives what one `send` sent, up to `capacity` bytes; no bytes mean that the peer has closed.
    package static func receive(
        over socket: Descriptor,
        capacity: Int = 65_536
    ) throws(SystemError) -> (bytes: [UInt8], descriptors: [Descriptor]) {
        var bytes = [UInt8](repeating: 0, count: capacity)
        var numbers = [CInt](repeating: -1, count: 64)
        var count = 0
        while true {
            let received = ck_receive_descriptors(
                socket.rawValue,
                &bytes,
                bytes.count,
                &numbers,
                numbers.count,
                &count
            )
            if received >= 0 {
                return (Array(bytes.prefix(received)), numbers.prefix(count).map { Descriptor($0) })
            }
            guard errno == EINTR else { throw .last("recvmsg") }
        }
    }

    private static func make() throws(SystemError) -> Descriptor {
        let number = socket(AF_UNIX, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0)
        guard number >= 0 else { throw .last("socket", "unix") }
        return Descriptor(number)
    }

    private static func withAddress(
        _ path: String,
        _ body: (UnsafePointer<sockaddr>, socklen_t) -> CInt
    ) throws(SystemError) -> CInt {
        var address = sockaddr_un()
        let bytes = Array(path.utf8)
        guard !bytes.isEmpty, bytes.count < MemoryLayout.size(ofValue: address.sun_path) else {
            throw SystemError("socket path", path, code: ENAMETOOLONG)
        }
        address.sun_family = sa_family_t(AF_UNIX)
        withUnsafeMutableBytes(of: &address.sun_path) { $0.copyBytes(from: bytes) }
        return withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                body($0, socklen_t(MemoryLayout<sockaddr_un>.size))
            }
        }
    }
}
