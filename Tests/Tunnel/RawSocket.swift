import Foundation
import Glibc

/// What a system call said.
struct SocketFailure: Error, Equatable {
    let code: Int32
    let call: String
}

/// A blocking socket on loopback, as an ordinary program has one.
///
/// Every wait ends after twenty seconds with EAGAIN.
final class RawSocket: @unchecked Sendable {
    private var descriptor: Int32

    private init(_ descriptor: Int32) {
        self.descriptor = descriptor
        var patience = timeval(tv_sec: 20, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
    }

    deinit { self.close() }

    /// A `sockaddr_in` of 127.0.0.1, in bytes.
    private static func address(_ port: UInt16) -> [UInt8] {
        [UInt8(AF_INET), 0, UInt8(port >> 8), UInt8(port & 0xFF), 127, 0, 0, 1] + [UInt8](repeating: 0, count: 8)
    }

    private static func connect(_ descriptor: Int32, _ port: UInt16) -> Int32 {
        self.address(port).withUnsafeBytes {
            Glibc.connect(descriptor, $0.baseAddress?.assumingMemoryBound(to: sockaddr.self), 16)
        }
    }

    private static func check(_ result: Int32, _ call: String) throws {
        if result < 0 { throw SocketFailure(code: errno, call: call) }
    }

    static func connect(_ port: UInt16, udp: Bool = false) throws -> RawSocket {
        let kind = udp ? SOCK_DGRAM : SOCK_STREAM
        let made = RawSocket(socket(AF_INET, Int32(kind.rawValue), 0))
        try self.check(self.connect(made.descriptor, port), "connect")
        return made
    }

    /// Begins to connect and does not wait: fills a backlog.
    static func connectLater(_ port: UInt16) -> RawSocket {
        let made = RawSocket(socket(AF_INET, Int32(SOCK_STREAM.rawValue | SOCK_NONBLOCK.rawValue), 0))
        _ = self.connect(made.descriptor, port)
        return made
    }

    /// A socket that listens (TCP) or is bound (UDP) on a free port.
    static func listen(udp: Bool = false, backlog: Int32? = 512) throws -> (socket: RawSocket, port: UInt16) {
        let kind = udp ? SOCK_DGRAM : SOCK_STREAM
        let made = RawSocket(socket(AF_INET, Int32(kind.rawValue), 0))
        var address = self.address(0)
        var size: socklen_t = 16
        try address.withUnsafeMutableBytes {
            let pointer = $0.baseAddress?.assumingMemoryBound(to: sockaddr.self)
            try self.check(bind(made.descriptor, pointer, size), "bind")
            if !udp, let backlog { try self.check(Glibc.listen(made.descriptor, backlog), "listen") }
            try self.check(getsockname(made.descriptor, pointer, &size), "getsockname")
        }
        return (made, UInt16(address[2]) << 8 | UInt16(address[3]))
    }

    /// A socket with a port of its own that refuses everybody: it does not listen (TCP), or hears one peer only (UDP).
    static func deaf(udp: Bool = false) throws -> (socket: RawSocket, port: UInt16) {
        let (made, port) = try self.listen(udp: udp, backlog: nil)
        if udp { try self.check(self.connect(made.descriptor, 1), "connect") }
        return (made, port)
    }

    func accept() throws -> RawSocket {
        let accepted = Glibc.accept(self.descriptor, nil, nil)
        try Self.check(accepted, "accept")
        return RawSocket(accepted)
    }

    func send(_ bytes: [UInt8]) throws {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes {
                Glibc.send(
                    self.descriptor,
                    $0.baseAddress.map { $0 + sent },
                    bytes.count - sent,
                    Int32(MSG_NOSIGNAL)
                )
            }
            if count < 0 { throw SocketFailure(code: errno, call: "send") }
            sent += count
        }
    }

    /// Sends until nothing more is taken for `milliseconds`; the number of bytes taken.
    func sendUntilStuck(_ chunk: [UInt8], limit: Int, milliseconds: Int32) throws -> Int {
        var sent = 0
        while sent < limit {
            var poll = pollfd(fd: self.descriptor, events: Int16(POLLOUT), revents: 0)
            guard Glibc.poll(&poll, 1, milliseconds) > 0 else { return sent }
            let count = chunk.withUnsafeBytes {
                Glibc.send(
                    self.descriptor,
                    $0.baseAddress,
                    $0.count,
                    Int32(MSG_NOSIGNAL) | Int32(MSG_DONTWAIT)
                )
            }
            if count < 0, errno == EAGAIN { continue }
            if count < 0 { throw SocketFailure(code: errno, call: "send") }
            sent += count
        }
        return sent
    }

    /// Sends until everything is out or the other side has had enough.
    func sendInVain(_ bytes: [UInt8]) throws {
        do {
            try self.send(bytes)
        } catch let failure as SocketFailure where [EPIPE, ECONNRESET].contains(failure.code) {}
    }

    /// Everything that comes, and the error after it; 0 for the end.
    func receiveUntilOver() -> (bytes: [UInt8], failure: Int32) {
        var got: [UInt8] = []
        do {
            while true {
                let part = try self.receive(1 << 18)
                if part.isEmpty { return (got, 0) }
                got += part
            }
        } catch {
            return (got, (error as? SocketFailure)?.code ?? -1)
        }
    }

    /// At least one byte, or none at the end.
    func receive(_ most: Int = 65_536) throws -> [UInt8] {
        try [UInt8](unsafeUninitializedCapacity: most) { room, used in
            let count = recv(self.descriptor, room.baseAddress, most, 0)
            if count < 0 { throw SocketFailure(code: errno, call: "recv") }
            used = count
        }
    }

    /// Exactly so many bytes, less at the end.
    func receive(exactly count: Int) throws -> [UInt8] {
        var got: [UInt8] = []
        while got.count < count {
            let part = try self.receive(count - got.count)
            if part.isEmpty { break }
            got += part
        }
        return got
    }

    /// Everything up to the end, held against a pattern that it should repeat.
    func drain(_ pattern: [UInt8] = [0]) throws -> Received {
        var received = Received()
        while true {
            let part = try self.receive(1 << 18)
            if part.isEmpty { return received }
            received.add(part, pattern)
        }
    }

    /// The error that the next read brings; 0 for the end, -1 for bytes.
    func failure() throws -> Int32 {
        do {
            return try self.receive().isEmpty ? 0 : -1
        } catch let failure as SocketFailure {
            return failure.code
        }
    }

    /// Whether nothing has come within the time.
    func isSilent(milliseconds: Int32) throws -> Bool {
        var poll = pollfd(fd: self.descriptor, events: Int16(POLLIN), revents: 0)
        let ready = Glibc.poll(&poll, 1, milliseconds)
        try Self.check(ready, "poll")
        return ready == 0
    }

    func endWriting() { shutdown(self.descriptor, Int32(SHUT_WR)) }

    /// Closes with a reset.
    func reset() {
        var linger = Glibc.linger(l_onoff: 1, l_linger: 0)
        setsockopt(self.descriptor, SOL_SOCKET, SO_LINGER, &linger, socklen_t(MemoryLayout<Glibc.linger>.size))
        self.close()
    }

    func close() {
        guard self.descriptor >= 0 else { return }
        Glibc.close(self.descriptor)
        self.descriptor = -1
    }
}

/// What arrived, held against a pattern that repeats.
struct Received: Equatable, Sendable {
    var count = 0
    var intact = true

    mutating func add(_ bytes: [UInt8], _ pattern: [UInt8]) {
        var offset = 0
        while offset < bytes.count, self.intact {
            let place = (self.count + offset) % pattern.count
            let length = min(bytes.count - offset, pattern.count - place)
            self.intact = bytes.withUnsafeBytes { got in
                pattern.withUnsafeBytes {
                    memcmp(got.baseAddress.unsafelyUnwrapped + offset, $0.baseAddress.unsafelyUnwrapped + place, length)
                        == 0
                }
            }
            offset += length
        }
        self.count += bytes.count
    }
}

/// Runs blocking code on a thread of its own.
func blocking<Value: Sendable>(_ body: @escaping @Sendable () throws -> Value) async throws -> Value {
    try await withCheckedThrowingContinuation { continuation in
        Thread.detachNewThread { continuation.resume(with: Result { try body() }) }
    }
}
