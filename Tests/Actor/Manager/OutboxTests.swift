import Actor
import Message
import Testing

@Suite(.timeLimit(.minutes(1))) struct OutboxTests {
    private func large(_ bytes: Int) -> ManagerMessage {
        let environment = ["A": String(repeating: "x", count: bytes)]
        return .attachmentChange(AttachmentChange(attachment: Message.Attachment(environment: environment)))
    }

    @Test("It is bounded by messages; what was read makes room")
    func messages() async {
        let box = Outbox(limits: .init(messages: 3, bytes: 1 << 20))
        for number in 0..<3 { #expect(box.add(.heartbeat(Heartbeat(sequence: UInt64(number))))) }
        #expect(!box.add(.heartbeat(Heartbeat())))
        var reader = box.makeAsyncIterator()
        #expect(await reader.next() == .heartbeat(Heartbeat(sequence: 0)))
        #expect(box.add(.heartbeat(Heartbeat(sequence: 3))))
        #expect(!box.add(.heartbeat(Heartbeat())))
        box.finish()
        var rest: [ManagerMessage] = []
        while let message = await reader.next() { rest.append(message) }
        #expect(rest == (1...3).map { .heartbeat(Heartbeat(sequence: UInt64($0))) })
    }

    @Test("It is bounded by bytes, but one message alone always has room")
    func bytes() async {
        let box = Outbox(limits: .init(messages: 100, bytes: 10_000))
        #expect(box.add(large(50_000)))
        #expect(!box.add(.heartbeat(Heartbeat())))
        var reader = box.makeAsyncIterator()
        _ = await reader.next()
        #expect(box.add(large(4000)))
        #expect(box.add(large(4000)))
        #expect(!box.add(large(4000)))
    }
}
