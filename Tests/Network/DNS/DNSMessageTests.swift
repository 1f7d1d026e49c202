import Testing

@testable import Network

@Suite struct DNSMessageTests {
    @Test("A query is read and written byte for byte")
    func query() throws {
        let message = try #require(DNSMessage(DNSSamples.query))
        #expect(message.id == 0x1234)
        #expect(message.question == DNSQuestion(DNSName("www.example") ?? .root, type: 1, classCode: 1))
        #expect(message.wire == DNSSamples.query)
    }

    @Test("Compressed names are expanded, in owners and in data")
    func compressed() throws {
        let message = try #require(DNSMessage(DNSSamples.answer))
        #expect(message.answers.map(\.name.description) == ["www.example", "a.example"])
        #expect(message.answers[0].data == [1, 0x61, 7] + Array("example".utf8) + [0])
        #expect(message.answers[1].data == [192, 0, 2, 1])
        #expect(message.additionals.map(\.type) == [41])
        #expect(DNSMessage(message.wire) == message)
    }

    @Test(
        "A name that does not end is refused",
        arguments: [
            [0xc0, 12],  // itself
            [0xc0, 14, 0xc0, 12],  // round
            [1, 0x61, 0xc0, 12],  // round over a label
            [0xc0, 200], [0xc0], [63], [5, 1, 2], [0x40, 0], [0x80, 0],
        ] as [[UInt8]]
    )
    func brokenName(_ name: [UInt8]) {
        #expect(DNSMessage(Array(DNSSamples.query[..<12]) + name + [0, 1, 0, 1]) == nil)
    }

    @Test("A name of 255 bytes is read, a longer one is not")
    func longNames() {
        let labels = [UInt8](repeating: 0x61, count: 63)
        let three: [UInt8] = [[63], labels, [63], labels, [63], labels].flatMap { (part: [UInt8]) in part }
        let longest: [UInt8] = three + [61] + Array(labels.prefix(61)) + [0]
        let longer: [UInt8] = three + [62] + Array(labels.prefix(62)) + [0]
        var offset = 0
        #expect(longest.count == 255)
        #expect(DNSName.read(longest, at: &offset)?.labels.count == 4)
        #expect(offset == 255)
        offset = 0
        #expect(DNSName.read(longer, at: &offset) == nil)
    }

    @Test("Any prefix of a message is refused without a trap")
    func prefixes() {
        for length in 0..<DNSSamples.answer.count {
            let bytes = Array(DNSSamples.answer.prefix(length))
            #expect(DNSMessage(bytes) == nil)
            var copy = bytes
            _ = DNSEdit.capLifetimes(&copy, to: 4)
        }
    }

    @Test("Damaged messages never trap, and what is read is written so that it reads the same")
    func damaged() {
        var random = SeededGenerator(seed: 7)
        for _ in 0..<8000 {
            var bytes = DNSSamples.answer
            for _ in 0...random.next(upperBound: UInt32(4)) {
                let index = Int(random.next(upperBound: UInt32(bytes.count)))
                bytes[index] = UInt8(truncatingIfNeeded: random.next())
            }
            if random.next(upperBound: UInt32(4)) == 0 {
                bytes = Array(bytes.prefix(Int(random.next(upperBound: UInt32(bytes.count)))))
            }
            if let message = DNSMessage(bytes) { #expect(DNSMessage(message.wire) == message) }
            var copy = bytes
            _ = DNSEdit.capLifetimes(&copy, to: 4)
            _ = DNSEdit.failure(bytes, .serverFailure)
            _ = DNSEdit.limit(of: bytes)
            _ = DNSEdit.withRoom(bytes)
            _ = DNSEdit.withoutRoom(bytes, for: DNSSamples.query)
            let name = DNSName("www.example") ?? .root
            _ = DNSEdit.response(bytes, to: bytes, asked: DNSName("w") ?? .root, queried: name, limit: 512)
        }
    }

    @Test("Lifetimes are lowered and nothing else changes, EDNS flags included")
    func lifetimes() {
        var bytes = DNSSamples.answer
        #expect(DNSEdit.capLifetimes(&bytes, to: 4))
        var expected = DNSSamples.answer
        expected.replaceSubrange(35..<39, with: [0, 0, 0, 4])
        #expect(bytes == expected)
    }

    @Test("A name is equal whatever its case, and text forms agree")
    func names() {
        #expect(DNSName("Web.Default.") == DNSName("web.default"))
        #expect(DNSName("") == .root)
        #expect(DNSName("a..b") == nil)
        #expect(DNSName(String(repeating: "a", count: 64)) == nil)
        #expect(DNSName("web.default.svc")?.hasSuffix(DNSName("default.svc") ?? .root) == true)
        #expect(DNSName("xdefault.svc")?.hasSuffix(DNSName("default.svc") ?? .root) == false)
    }
}
