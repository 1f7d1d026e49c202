import Glibc
import Kernel

/// A client of an SFTP server at the other end of a socket: many requests at a time, and an end to all waiting.
///
/// Confined to the thread that made it, which it blocks.
final class SFTPClient {
    /// Requests that are under way at once.
    private static let window = 64
    /// How long the server may say nothing to a request, in milliseconds.
    private static let patience: CInt = 20_000

    private let socket: Descriptor
    private let lifeline: CInt
    private var received: [UInt8] = []
    private var next: UInt32 = 0

    /// Greets the server.
    ///
    /// - Parameters:
    ///   - socket: To the server.
    ///   - lifeline: A descriptor; everything ends when it can be read or has ended. -1 is none.
    /// - Throws: `lost` when there is no server of version 3, `ended`.
    init(_ socket: Descriptor, lifeline: CInt) throws(SyncProblem) {
        self.socket = socket
        self.lifeline = lifeline
        do throws(SystemError) { try socket.setNonBlocking(true) } catch { throw .lost("\(error)") }
        var hello = SFTPRequest.hello[...]
        var version: UInt32 = 0
        while version == 0 {
            try move(&hello)
            if let packet = try takePacket() {
                guard case (_, .version(let number))? = SFTPReply.parse(packet), number >= 3 else {
                    throw .lost("the agent's file server does not speak SFTP version 3")
                }
                version = number
            }
        }
    }

    /// Asks for things, and returns the answers in the same order.
    ///
    /// - Throws: `lost` when not everything is answered, `ended`; refusals are among the answers.
    func exchange(_ requests: [SFTPRequest]) throws(SyncProblem) -> [SFTPReply] {
        var replies: [SFTPReply] = []
        var rest = requests[...]
        while !rest.isEmpty {
            replies += try exchangeSome(rest.prefix(Self.window))
            rest = rest.dropFirst(Self.window)
        }
        return replies
    }

    private func exchangeSome(_ requests: ArraySlice<SFTPRequest>) throws(SyncProblem) -> [SFTPReply] {
        let first = next
        var bytes: [UInt8] = []
        for request in requests {
            bytes += request.packet(next)
            next &+= 1
        }
        var unsent = bytes[...]
        var replies = [SFTPReply?](repeating: nil, count: requests.count)
        var missing = requests.count
        while missing > 0 {
            try move(&unsent)
            while let packet = try takePacket() {
                guard let (id, reply) = SFTPReply.parse(packet), case let index = Int(id &- first),
                    replies.indices.contains(index), replies[index] == nil
                else { throw .lost("the agent's file server has answered nonsense") }
                replies[index] = reply
                missing -= 1
            }
        }
        return replies.compactMap { $0 }
    }

    /// Waits until bytes can be sent or received, and does so.
    private func move(_ unsent: inout ArraySlice<UInt8>) throws(SyncProblem) {
        var entries = [
            pollfd(fd: socket.rawValue, events: Int16(unsent.isEmpty ? POLLIN : POLLIN | POLLOUT), revents: 0),
            pollfd(fd: lifeline, events: Int16(POLLIN), revents: 0),
        ]
        let count = poll(&entries, 2, Self.patience)
        if count < 0, errno == EINTR { return }
        guard count >= 0 else { throw .lost("\(SystemError.last("poll"))") }
        guard entries[1].revents == 0 else { throw .ended }
        guard count > 0 else { throw .lost("the agent's file server does not answer") }
        if entries[0].revents & Int16(POLLOUT) != 0, !unsent.isEmpty {
            let written = unsent.withUnsafeBytes { send(socket.rawValue, $0.baseAddress, $0.count, CInt(MSG_NOSIGNAL)) }
            guard written > 0 || errno == EAGAIN || errno == EINTR else {
                throw .lost("the tunnel to the agent's file server was cut")
            }
            unsent = unsent.dropFirst(max(0, written))
        }
        guard entries[0].revents & Int16(POLLIN | POLLHUP | POLLERR) != 0 else { return }
        var buffer = [UInt8](repeating: 0, count: 1 << 16)
        let got = read(socket.rawValue, &buffer, buffer.count)
        guard got > 0 || got < 0 && (errno == EAGAIN || errno == EINTR) else {
            throw .lost("the tunnel to the agent's file server was cut")
        }
        received += buffer[..<max(0, got)]
    }

    /// What has come, one packet at a time; nil when more must come first.
    private func takePacket() throws(SyncProblem) -> ArraySlice<UInt8>? {
        guard received.count >= 4 else { return nil }
        let length = received[..<4].reduce(0) { $0 << 8 | Int($1) }
        guard length <= SFTPReply.longest else { throw .lost("the agent's file server has answered nonsense") }
        guard received.count >= 4 + length else { return nil }
        let packet = received[4..<4 + length]
        received.removeSubrange(..<(4 + length))
        return packet
    }
}
