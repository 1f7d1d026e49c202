package import NIOCore

/// Queries over one datagram path, such as a UDP tunnel to the cluster's DNS service: pairs responses with queries.
///
/// Each query travels under a random id of its own, and only a response to the same question is taken. Confined to the
/// event loop.
package final class DatagramExchange: DNSExchange {
    private struct Pending {
        let id: UInt16
        let question: DNSQuestion
        let reply: ([UInt8]?) -> Void
        let timer: Scheduled<Void>
    }

    /// Sends a datagram.
    ///
    /// Without one, or after `fail`, queries are answered with nil at once.
    package var send: ((ByteBuffer) -> Void)?

    private let eventLoop: any EventLoop
    private let timeout: TimeAmount
    private var pending: [UInt16: Pending] = [:]

    package init(eventLoop: any EventLoop, timeout: TimeAmount = .seconds(4), send: ((ByteBuffer) -> Void)? = nil) {
        self.eventLoop = eventLoop
        self.timeout = timeout
        self.send = send
    }

    package func exchange(_ query: [UInt8], reply: @escaping ([UInt8]?) -> Void) {
        guard let send, let question = DNSMessage.question(of: query), pending.count < 4096 else {
            reply(nil)
            return
        }
        let id = unusedID()
        let bound = NIOLoopBound(self, eventLoop: eventLoop)
        let timer = eventLoop.scheduleTask(in: timeout) { bound.value.finish(id, nil) }
        pending[id] = Pending(id: query.network16(0), question: question, reply: reply, timer: timer)
        var bytes = query
        DNSEdit.setID(&bytes, id)
        send(ByteBuffer(bytes: bytes))
    }

    private func unusedID() -> UInt16 {
        var id = UInt16.random(in: .min ... .max)
        while pending[id] != nil { id &+= 1 }
        return id
    }

    /// Takes a datagram that came back.
    package func receive(_ datagram: ByteBuffer) {
        var bytes = Array(datagram.readableBytesView)
        var offset = 12
        guard bytes.count >= 12, bytes[2] & 0x80 != 0, let waiting = pending[bytes.network16(0)],
            bytes.network16(4) == 1, DNSName.read(bytes, at: &offset) == waiting.question.name,
            offset + 4 <= bytes.count, bytes.network16(offset) == waiting.question.type
        else { return }
        let id = bytes.network16(0)
        DNSEdit.setID(&bytes, waiting.id)
        finish(id, bytes)
    }

    /// The path is gone: answers what is pending with nil.
    package func fail() {
        send = nil
        for id in pending.keys { finish(id, nil) }
    }

    private func finish(_ id: UInt16, _ response: [UInt8]?) {
        guard let waiting = pending.removeValue(forKey: id) else { return }
        waiting.timer.cancel()
        waiting.reply(response)
    }
}
