import Glibc

/// A netlink conversation with the kernel: requests and their answers, one after the other.
///
/// Concurrency model: not for concurrent use. Calls block, but the kernel answers at once.
package final class NetlinkSocket {
    /// The open socket.
    ///
    /// Objects that the kernel ties to their owner live as long as it.
    package let descriptor: Descriptor

    private var sequence: UInt32 = 0

    /// Opens a conversation: protocol 0 for routes and links, 12 for netfilter.
    package init(protocol number: CInt) throws(SystemError) {
        let raw = socket(AF_NETLINK, CInt(SOCK_RAW.rawValue | SOCK_CLOEXEC.rawValue), number)
        guard raw >= 0 else { throw .last("socket", "netlink") }
        descriptor = Descriptor(raw)
        var address = sockaddr_storage()
        address.ss_family = sa_family_t(AF_NETLINK)
        let bound = withUnsafePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { bind(raw, $0, 12) }
        }
        guard bound == 0 else { throw .last("bind", "netlink") }
    }

    /// Sends one request and waits for its acknowledgement.
    package func perform(_ message: NetlinkMessage, _ operation: String, _ subject: String) throws(SystemError) {
        _ = try exchange(message, operation, subject)
    }

    /// Sends one request and collects its answers, up to the end of a dump or the acknowledgement.
    package func exchange(
        _ message: NetlinkMessage,
        _ operation: String,
        _ subject: String
    ) throws(SystemError) -> [NetlinkReply] {
        sequence &+= 1
        try send(message.finished(sequence: sequence), operation, subject)
        var answers: [NetlinkReply] = []
        while true {
            for reply in NetlinkReply.messages(in: try receive(operation, subject)) where reply.sequence == sequence {
                switch reply.type {
                case 2:
                    let code = reply.payload.host(Int32.self, at: 0) ?? -EPROTO
                    guard code == 0 else { throw SystemError(operation, subject, code: -code) }
                    return answers
                case 3:
                    let code = reply.payload.host(Int32.self, at: 0) ?? 0
                    guard code >= 0 else { throw SystemError(operation, subject, code: -code) }
                    return answers
                default:
                    answers.append(reply)
                }
            }
        }
    }

    /// Sends several requests as one datagram and waits until each that asks for it has been acknowledged.
    ///
    /// Throws the first failure that the kernel reports.
    package func performBatch(
        _ messages: [NetlinkMessage],
        _ operation: String,
        _ subject: String
    ) throws(SystemError) {
        var bytes: [UInt8] = []
        var waiting = Set<UInt32>()
        for message in messages {
            sequence &+= 1
            bytes += message.finished(sequence: sequence)
            let flags = message.bytes[...].host(UInt16.self, at: 6) ?? 0
            if flags & NetlinkMessage.Flags.acknowledge.rawValue != 0 { waiting.insert(sequence) }
        }
        try send(bytes, operation, subject)
        while !waiting.isEmpty {
            for reply in NetlinkReply.messages(in: try receive(operation, subject)) where reply.type == 2 {
                let code = reply.payload.host(Int32.self, at: 0) ?? -EPROTO
                guard code == 0 else { throw SystemError(operation, subject, code: -code) }
                waiting.remove(reply.sequence)
            }
        }
    }

    private func send(_ bytes: [UInt8], _ operation: String, _ subject: String) throws(SystemError) {
        var bytes = bytes
        while true {
            let sent = Glibc.send(descriptor.rawValue, &bytes, bytes.count, 0)
            if sent == bytes.count { return }
            guard sent < 0, errno == EINTR else { throw .last(operation, subject) }
        }
    }

    private func receive(_ operation: String, _ subject: String) throws(SystemError) -> [UInt8] {
        while true {
            var buffer = [UInt8](repeating: 0, count: 65_536)
            let received = recv(descriptor.rawValue, &buffer, buffer.count, 0)
            if received > 0 { return Array(buffer.prefix(received)) }
            guard received < 0, errno == EINTR else { throw .last(operation, subject) }
        }
    }
}
