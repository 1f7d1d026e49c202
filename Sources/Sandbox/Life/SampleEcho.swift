import Glibc
import Kernel

/// The sample workload `sample/echo`: plain sockets that tests and benchmarks talk to.
///
/// TCP 7000 echoes; TCP 7001 sends back all it was sent, reversed, once the peer has half-closed; TCP 7002 takes a line `up` and
/// then reads to the end and answers with count and checksum, or a line `down N` and sends N bytes, then half-closes; TCP
/// 7003 answers every connection with the pod's name and closes; UDP 7000 echoes datagrams. The bytes of `down` and the checksum
/// (the sum of all bytes, modulo 2^64) are such that the other side can check them: byte i is (i * 31 + i / 65536) mod 256.
package enum SampleEcho {
    /// Serves until it is killed by SIGTERM; the exit status.
    package static func main() -> CInt {
        signal(SIGPIPE, SIG_IGN)
        // Process 1 of a container has no default actions.
        signal(SIGTERM) { _ in _exit(0) }
        do throws(SystemError) {
            let services: [(UInt16, @Sendable (Descriptor) -> Void)] = [
                (7000, self.echo), (7001, self.reverse), (7002, self.bulk), (7003, self.name),
            ]
            for (port, serve) in services {
                let listener = try Sockets.listenTCP(InternetEndpoint(.anyV4, port: port))
                pthread_detach(try DedicatedThread.start { self.accept(listener, serve) })
            }
            let datagrams = try Sockets.bindUDP(InternetEndpoint(.anyV4, port: 7000))
            let ready = Array("echo: ready\n".utf8)
            _ = Glibc.write(1, ready, ready.count)
            self.echoDatagrams(datagrams)
            return 1
        } catch {
            let text = Array("echo: \(error)\n".utf8)
            _ = Glibc.write(2, text, text.count)
            return 1
        }
    }

    private static func accept(_ listener: Descriptor, _ serve: @escaping @Sendable (Descriptor) -> Void) {
        while let connection = try? Sockets.accept(listener) {
            try? Sockets.set(connection, CInt(IPPROTO_TCP), TCP_NODELAY, 1)
            guard let thread = try? DedicatedThread.start({ serve(connection) }) else { continue }
            pthread_detach(thread)
        }
    }

    private static func read(_ connection: Descriptor, _ buffer: inout [UInt8]) -> Int {
        while true {
            let count = recv(connection.rawValue, &buffer, buffer.count, 0)
            if count < 0, errno == EINTR { continue }
            return count
        }
    }

    private static func write(_ connection: Descriptor, _ bytes: ArraySlice<UInt8>) -> Bool {
        bytes.withUnsafeBytes { raw in
            var offset = 0
            while offset < raw.count {
                let rest = UnsafeRawBufferPointer(rebasing: raw[offset...])
                let count = send(connection.rawValue, rest.baseAddress, rest.count, CInt(MSG_NOSIGNAL))
                if count < 0, errno == EINTR { continue }
                guard count > 0 else { return false }
                offset += count
            }
            return true
        }
    }

    @Sendable private static func echo(_ connection: Descriptor) {
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        while true {
            let count = self.read(connection, &buffer)
            guard count > 0, self.write(connection, buffer[..<count]) else { return }
        }
    }

    @Sendable private static func reverse(_ connection: Descriptor) {
        var all: [UInt8] = []
        var buffer = [UInt8](repeating: 0, count: 64 << 10)
        while all.count < 64 << 20 {
            let count = self.read(connection, &buffer)
            guard count >= 0 else { return }
            if count == 0 { break }
            all += buffer[..<count]
        }
        all.reverse()
        _ = self.write(connection, all[...])
    }

    @Sendable private static func name(_ connection: Descriptor) {
        var name = [CChar](repeating: 0, count: 256)
        gethostname(&name, 255)
        _ = self.write(connection, (name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) } + [10])[...])
    }

    @Sendable private static func bulk(_ connection: Descriptor) {
        var line: [UInt8] = []
        var byte = [UInt8](repeating: 0, count: 1)
        while line.count < 64, self.read(connection, &byte) == 1, byte[0] != 10 { line.append(byte[0]) }
        let words = String(decoding: line, as: UTF8.self).split(separator: " ")
        if words.first == "down", words.count == 2, let count = Int(words[1]), count >= 0 {
            self.source(connection, count)
        } else if words.first == "up" {
            self.sink(connection)
        } else {
            _ = self.write(connection, Array("error: say \"up\" or \"down N\"\n".utf8)[...])
        }
    }

    /// 256 blocks of 65536 bytes, each shifted by one: after them all begins again.
    ///
    /// Made once: that takes longer than sending them.
    private static let blocks: [[UInt8]] = {
        let pattern = (0..<65536).map { UInt8(truncatingIfNeeded: $0 &* 31) }
        return (0..<256).map { shift in pattern.map { $0 &+ UInt8(shift) } }
    }()

    private static func source(_ connection: Descriptor, _ count: Int) {
        var sent = 0
        var index = 0
        while sent < count {
            let size = min(65536, count - sent)
            guard self.write(connection, blocks[index & 255][..<size]) else { return }
            sent += size
            index += 1
        }
        shutdown(connection.rawValue, CInt(SHUT_WR))
        var rest = [UInt8](repeating: 0, count: 4096)
        while self.read(connection, &rest) > 0 {}
    }

    private static func sink(_ connection: Descriptor) {
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        var total = 0
        var sum: UInt64 = 0
        while true {
            let count = self.read(connection, &buffer)
            guard count >= 0 else { return }
            if count == 0 { break }
            total += count
            sum &+= self.sum(buffer, count)
        }
        _ = self.write(connection, Array("\(total) \(sum)\n".utf8)[...])
    }

    /// The sum of bytes, eight at a time.
    private static func sum(_ buffer: [UInt8], _ count: Int) -> UInt64 {
        buffer.withUnsafeBytes { raw in
            var total: UInt64 = 0
            var offset = 0
            let low: UInt64 = 0x00FF_00FF_00FF_00FF
            while offset + 8 <= count {
                // Sixteen-bit lanes, folded before any can overflow.
                var lanes: UInt64 = 0
                let end = min(offset + 8 * 100, count & ~7)
                while offset < end {
                    let word = raw.loadUnaligned(fromByteOffset: offset, as: UInt64.self)
                    lanes &+= (word & low) &+ ((word >> 8) & low)
                    offset += 8
                }
                total &+= (lanes & 0xFFFF) &+ (lanes >> 16 & 0xFFFF) &+ (lanes >> 32 & 0xFFFF) &+ (lanes >> 48)
            }
            while offset < count {
                total &+= UInt64(raw[offset])
                offset += 1
            }
            return total
        }
    }

    private static func echoDatagrams(_ socket: Descriptor) {
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            var peer = sockaddr_storage()
            var length = socklen_t(MemoryLayout<sockaddr_storage>.size)
            withUnsafeMutablePointer(to: &peer) { pointer in
                pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) {
                    let count = recvfrom(socket.rawValue, &buffer, buffer.count, 0, $0, &length)
                    if count >= 0 { _ = sendto(socket.rawValue, buffer, count, CInt(MSG_NOSIGNAL), $0, length) }
                }
            }
        }
    }
}
