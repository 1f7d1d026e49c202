import CSandbox
package import Cluster
import Glibc

/// One end of a Unix stream socket that carries JSON values, with descriptors beside them.
///
/// A message is four bytes of length (big-endian), then the JSON text. Descriptors travel with its first byte. All
/// calls block; one reader and any number of writers at a time, each message written by one `send`.
package struct ControlSocket: Sendable {
    /// The socket.
    ///
    /// Closing it is the owner's affair.
    package let descriptor: CInt

    /// The longest message that is taken, in bytes.
    static let limit = 16 << 20

    /// Wraps a connected socket.
    package init(descriptor: CInt) {
        self.descriptor = descriptor
    }

    /// Two connected ends, both close-on-exec.
    package static func pair() throws(RuntimeError) -> (ControlSocket, ControlSocket) {
        var ends: [CInt] = [-1, -1]
        try checked(
            socketpair(AF_UNIX, CInt(SOCK_STREAM.rawValue) | CInt(SOCK_CLOEXEC.rawValue), 0, &ends),
            "socketpair"
        )
        return (ControlSocket(descriptor: ends[0]), ControlSocket(descriptor: ends[1]))
    }

    /// Sends one message.
    ///
    /// The descriptors stay open here.
    package func send(_ value: JSONValue, descriptors: [CInt] = []) throws(RuntimeError) {
        let text = value.serialized()
        let size = UInt32(text.count)
        let frame = [UInt8(size >> 24), UInt8(size >> 16 & 0xFF), UInt8(size >> 8 & 0xFF), UInt8(size & 0xFF)] + text
        var offset = 0
        var attached = descriptors
        while offset < frame.count {
            let count = frame.withUnsafeBytes { bytes in
                csb_send(
                    self.descriptor,
                    bytes.baseAddress.map { $0 + offset },
                    bytes.count - offset,
                    attached,
                    CInt(attached.count)
                )
            }
            if count < 0 {
                switch errno {
                case EINTR: continue
                case EAGAIN:
                    var entry = pollfd(fd: self.descriptor, events: Int16(POLLOUT), revents: 0)
                    _ = poll(&entry, 1, 1000)
                    continue
                default: throw RuntimeError("send to the pod runtime")
                }
            }
            attached = []
            offset += count
        }
    }

    /// The next message; nil at the end of the stream.
    ///
    /// The descriptors are close-on-exec and the caller's.
    package func receive() throws(RuntimeError) -> (value: JSONValue, descriptors: [CInt])? {
        var header: [UInt8] = []
        var descriptors: [CInt] = []
        guard try self.fill(&header, 4, &descriptors) else { return nil }
        let size = header.reduce(0) { $0 << 8 | Int($1) }
        guard size <= Self.limit else { throw RuntimeError("message of \(size) bytes", code: 0) }
        var body: [UInt8] = []
        guard try self.fill(&body, size, &descriptors) else { throw RuntimeError("message cut short", code: 0) }
        do {
            return (try JSONValue.parse(body), descriptors)
        } catch {
            throw RuntimeError("message is no JSON: \(error)", code: 0)
        }
    }

    /// Reads exactly `count` bytes; false at the end of the stream before the first.
    private func fill(_ bytes: inout [UInt8], _ count: Int, _ descriptors: inout [CInt]) throws(RuntimeError) -> Bool {
        var chunk = [UInt8](repeating: 0, count: min(max(count, 1), 65536))
        while bytes.count < count {
            var found = [CInt](repeating: -1, count: 16)
            var foundCount: CInt = 0
            let received = csb_receive(
                self.descriptor,
                &chunk,
                min(chunk.count, count - bytes.count),
                &found,
                &foundCount
            )
            if received < 0, errno == EINTR { continue }
            try checked(received, "receive")
            descriptors.append(contentsOf: found.prefix(Int(foundCount)))
            if received == 0 {
                guard bytes.isEmpty else { throw RuntimeError("message cut short", code: 0) }
                return false
            }
            bytes.append(contentsOf: chunk[..<received])
        }
        return true
    }
}
