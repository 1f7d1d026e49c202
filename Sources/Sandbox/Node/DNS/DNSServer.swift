import Glibc
import Kernel
import Synchronization

/// The cluster's DNS over UDP and TCP on the node's address, port 53.
///
/// Concurrency model: one thread reads UDP, one accepts TCP, one more serves each TCP connection; they share the zone behind a
/// mutex. They end with the process.
final class DNSServer: Sendable {
    private let zone = Mutex(DNSZone())

    /// Replaces every name at one stroke.
    func serve(_ zone: DNSZone) {
        self.zone.withLock { $0 = zone }
    }

    /// The answer to one query, for tests and for the transports.
    func answer(_ query: [UInt8], limit: Int) -> [UInt8]? {
        let zone = self.zone.withLock { $0 }
        return zone.answer(query, limit: limit)
    }

    /// Listens in a namespace.
    func listen(_ namespace: NetworkNamespace, _ address: InternetAddress, port: UInt16 = 53) throws(SystemError) {
        let endpoint = InternetEndpoint(address, port: port)
        let datagrams = try namespace.bindUDP(endpoint)
        let listener = try namespace.listenTCP(endpoint)
        pthread_detach(try DedicatedThread.start { [self] in self.readDatagrams(datagrams) })
        pthread_detach(try DedicatedThread.start { [self] in self.accept(listener) })
    }

    private func readDatagrams(_ socket: Descriptor) {
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            var peer = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            let count = withUnsafeMutablePointer(to: &peer) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    recvfrom(socket.rawValue, &buffer, buffer.count, 0, $0, &length)
                }
            }
            guard count > 0 else {
                // An error that is stuck on the socket must not spin.
                if count < 0, errno != EINTR, errno != ECONNREFUSED { usleep(1000) }
                continue
            }
            guard let answer = self.answer(Array(buffer[..<count]), limit: 4096) else { continue }
            withUnsafePointer(to: &peer) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    _ = sendto(socket.rawValue, answer, answer.count, Int32(MSG_NOSIGNAL), $0, length)
                }
            }
        }
    }

    private func accept(_ listener: Descriptor) {
        while let connection = try? Sockets.accept(listener) {
            guard let thread = try? DedicatedThread.start({ [self] in self.serve(connection) }) else { continue }
            pthread_detach(thread)
        }
    }

    private func serve(_ connection: Descriptor) {
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        setsockopt(connection.rawValue, SOL_SOCKET, SO_RCVTIMEO, &limit, socklen_t(MemoryLayout<timeval>.size))
        while let head = Self.read(connection, 2),
            let query = Self.read(connection, Int(head[0]) << 8 | Int(head[1])),
            let answer = self.answer(query, limit: 65535)
        {
            let frame = [UInt8(answer.count >> 8), UInt8(answer.count & 0xFF)] + answer
            guard send(connection.rawValue, frame, frame.count, Int32(MSG_NOSIGNAL)) == frame.count else { return }
        }
    }

    private static func read(_ connection: Descriptor, _ count: Int) -> [UInt8]? {
        var bytes: [UInt8] = []
        while bytes.count < count {
            var chunk = [UInt8](repeating: 0, count: count - bytes.count)
            let received = recv(connection.rawValue, &chunk, chunk.count, 0)
            guard received > 0 else { return nil }
            bytes.append(contentsOf: chunk[..<received])
        }
        return bytes
    }
}
