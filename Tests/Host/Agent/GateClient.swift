import Foundation
import Glibc
import Testing

/// A blocking client; waits no longer than 30 s for anything.
final class GateClient {
    private let descriptor: Int32

    init(_ port: Int) throws {
        descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_port = UInt16(port).bigEndian
        address.sin_addr.s_addr = inet_addr("127.0.0.1")
        var patience = timeval(tv_sec: 30, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            setsockopt(descriptor, SOL_SOCKET, option, &patience, socklen_t(MemoryLayout<timeval>.size))
        }
        let size = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafePointer(to: &address) {
            $0.withMemoryRebound(to: sockaddr.self, capacity: 1) { connect(descriptor, $0, size) }
        }
        try #require(result == 0)
        var on: Int32 = 1
        setsockopt(descriptor, Int32(IPPROTO_TCP), TCP_NODELAY, &on, socklen_t(MemoryLayout<Int32>.size))
    }

    deinit { close(descriptor) }

    func send(_ text: String) { _ = send(Array(text.utf8)) }

    /// Sends all of it; false where the other side does not take it.
    func send(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { bytes in
            var sent = 0
            while sent < bytes.count {
                let count = Glibc.send(
                    descriptor,
                    bytes.baseAddress.map { $0 + sent },
                    bytes.count - sent,
                    Int32(MSG_NOSIGNAL)
                )
                guard count > 0 else { return false }
                sent += count
            }
            return true
        }
    }

    /// Sends as much as is taken while nobody reads for so many seconds; how much that was.
    func push(_ bytes: [UInt8], upTo limit: Int, patience seconds: Int) -> Int {
        var patience = timeval(tv_sec: seconds, tv_usec: 0)
        setsockopt(descriptor, SOL_SOCKET, SO_SNDTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
        var sent = 0
        while sent < limit {
            let count = bytes.withUnsafeBytes { Glibc.send(descriptor, $0.baseAddress, $0.count, Int32(MSG_NOSIGNAL)) }
            guard count > 0 else { break }
            sent += count
        }
        return sent
    }

    func end() { shutdown(descriptor, Int32(SHUT_WR)) }

    /// Reads until the text has come, or the end; then all that has come.
    func read(until text: String? = nil) -> String {
        var all: [UInt8] = []
        let awaited = text.map { Data($0.utf8) }
        var buffer = [UInt8](repeating: 0, count: 65536)
        while true {
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count < 0, errno == EINTR { continue }
            if count < 0 { return String(decoding: all, as: UTF8.self) + "<error \(errno)>" }
            if count == 0 { return String(decoding: all, as: UTF8.self) + "<end>" }
            let place = max(0, all.count - (awaited?.count ?? 0))
            all += buffer[..<count]
            // By bytes: texts take CR LF for one character.
            if let awaited, Data(all[place...]).range(of: awaited) != nil { break }
        }
        return String(decoding: all, as: UTF8.self)
    }

    /// Reads until these bytes are the last that have come, or the end; false where neither comes in time.
    func read(into all: inout [UInt8], until last: [UInt8]?, before deadline: ContinuousClock.Instant) -> Bool {
        var buffer = [UInt8](repeating: 0, count: 65536)
        while last.map({ all.count < $0.count || !all.suffix($0.count).elementsEqual($0) }) ?? true {
            let left = ContinuousClock.now.duration(to: deadline)
            guard left > .zero else { return false }
            var patience = timeval(tv_sec: Int(left.components.seconds), tv_usec: 1000)
            setsockopt(descriptor, SOL_SOCKET, SO_RCVTIMEO, &patience, socklen_t(MemoryLayout<timeval>.size))
            let count = recv(descriptor, &buffer, buffer.count, 0)
            if count < 0, [EINTR, EAGAIN].contains(errno) { continue }
            if count < 0 { all += Array("<error \(errno)>".utf8) }
            guard count > 0 else { return true }
            all += buffer[..<count]
        }
        return true
    }

    /// Sends a request and reads its answer's line.
    func ask(_ target: String, _ field: String = "") -> String {
        send("GET \(target) HTTP/1.1\r\n\(field)\r\n")
        let answer = read(until: target + " 0 d41d8c\n")
        return answer.contains("app GET") ? "app" : answer.contains("local GET") ? "local" : answer
    }
}
