/// A DNS message (RFC 1035, 4) with one question.
package struct DNSMessage: Hashable, Sendable {
    /// The result of a query.
    package enum Code: UInt16, Sendable {
        case noError = 0
        case formatError = 1
        case serverFailure = 2
        case nameError = 3
        case notImplemented = 4
        case refused = 5
    }

    package var id: UInt16
    /// The second 16 bits of the header: QR, opcode, AA, TC, RD, RA, Z, RCODE.
    package var flags: UInt16
    package var question: DNSQuestion
    package var answers: [DNSRecord]
    package var authorities: [DNSRecord]
    package var additionals: [DNSRecord]

    package init(id: UInt16, flags: UInt16, question: DNSQuestion) {
        self.id = id
        self.flags = flags
        self.question = question
        answers = []
        authorities = []
        additionals = []
    }

    /// Reads a message; nil when it is broken or has not exactly one question.
    package init?(_ bytes: [UInt8]) {
        guard bytes.count >= 12, bytes.network16(4) == 1 else { return nil }
        var offset = 12
        guard let question = DNSMessage.readQuestion(bytes, at: &offset) else { return nil }
        self.init(id: bytes.network16(0), flags: bytes.network16(2), question: question)
        for (count, section) in [
            (bytes.network16(6), \DNSMessage.answers),
            (bytes.network16(8), \DNSMessage.authorities),
            (bytes.network16(10), \DNSMessage.additionals),
        ] {
            for _ in 0..<count {
                guard let record = DNSRecord.read(bytes, at: &offset) else { return nil }
                self[keyPath: section].append(record)
            }
        }
    }

    private static func readQuestion(_ bytes: [UInt8], at offset: inout Int) -> DNSQuestion? {
        guard let name = DNSName.read(bytes, at: &offset), offset + 4 <= bytes.count else { return nil }
        defer { offset += 4 }
        return DNSQuestion(name, type: bytes.network16(offset), classCode: bytes.network16(offset + 2))
    }

    /// The question of a query that a server shall answer; nil when it is none.
    package static func question(of bytes: [UInt8]) -> DNSQuestion? {
        var offset = 12
        guard bytes.count >= 12, bytes[2] & 0xf8 == 0, bytes.network16(4) == 1 else { return nil }
        return readQuestion(bytes, at: &offset)
    }

    /// The result of a response.
    package var code: UInt16 { flags & 0xf }

    /// The bytes of the message.
    ///
    /// Owner names that equal the question's are compressed.
    package var wire: [UInt8] {
        var bytes: [UInt8] = []
        bytes.appendNetwork(id)
        bytes.appendNetwork(flags)
        bytes.appendNetwork(UInt16(1))
        for section in [answers, authorities, additionals] {
            bytes.appendNetwork(UInt16(truncatingIfNeeded: section.count))
        }
        bytes += question.name.wire
        bytes.appendNetwork(question.type)
        bytes.appendNetwork(question.classCode)
        for record in answers + authorities + additionals {
            bytes += record.name == question.name && !record.name.labels.isEmpty ? [0xc0, 0x0c] : record.name.wire
            bytes.appendNetwork(record.type)
            bytes.appendNetwork(record.classCode)
            bytes.appendNetwork(record.lifetime)
            bytes.appendNetwork(UInt16(truncatingIfNeeded: record.data.count))
            bytes += record.data
        }
        return bytes
    }

    /// A query with recursion desired.
    package static func query(_ question: DNSQuestion, id: UInt16) -> DNSMessage {
        DNSMessage(id: id, flags: 0x0100, question: question)
    }

    /// A response without records.
    package static func response(to query: DNSMessage, _ code: Code) -> DNSMessage {
        DNSMessage(id: query.id, flags: 0x8080 | query.flags & 0x0110 | code.rawValue, question: query.question)
    }
}
