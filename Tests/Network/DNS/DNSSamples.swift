@testable import Network

/// Messages for the tests.
enum DNSSamples {
    /// `www.example` A, id 0x1234, recursion desired.
    static let query: [UInt8] =
        [0x12, 0x34]  // id
        + [0x01, 0x00]  // RD
        + [0, 1, 0, 0, 0, 0, 0, 0]  // one question
        + [3] + Array("www".utf8) + [7] + Array("example".utf8) + [0]
        + [0, 1, 0, 1]  // A, IN

    /// Its answer: a CNAME to `a.example`, that name's address, and EDNS, compressed as servers do.
    static let answer: [UInt8] =
        [0x12, 0x34]  // id
        + [0x81, 0x80]  // QR RD RA
        + [0, 1, 0, 2, 0, 0, 0, 1]
        + [3] + Array("www".utf8) + [7] + Array("example".utf8) + [0]  // at 12; "example" at 16
        + [0, 1, 0, 1]
        + [0xc0, 12, 0, 5, 0, 1, 0, 0, 0x0e, 0x10, 0, 4]  // CNAME, 3600 s, 4 bytes
        + [1] + Array("a".utf8) + [0xc0, 16]  // at 41
        + [0xc0, 41, 0, 1, 0, 1, 0, 0, 0, 3, 0, 4, 192, 0, 2, 1]  // A, 3 s
        + [0, 0, 41, 0x04, 0xd0, 0, 0, 0x80, 0, 0, 0]  // OPT, 1232 bytes, DO

    /// A query for a name.
    static func query(_ name: String, id: UInt16 = 0x1234, type: UInt16 = 1) -> [UInt8] {
        DNSMessage.query(DNSQuestion(DNSName(name) ?? .root, type: type, classCode: 1), id: id).wire
    }

    /// The answer to a query, with A records.
    static func answer(_ query: [UInt8], addresses: Int = 1, lifetime: UInt32 = 30) -> [UInt8] {
        guard let asked = DNSMessage(query) else { return [] }
        var answer = DNSMessage.response(to: asked, .noError)
        answer.answers = (0..<addresses).map {
            DNSRecord(
                asked.question.name,
                type: 1,
                lifetime: lifetime,
                data: [10, 96, UInt8($0 >> 8), UInt8(truncatingIfNeeded: $0)]
            )
        }
        return answer.wire
    }

    /// An answer without records.
    static func failure(_ query: [UInt8], _ code: DNSMessage.Code) -> [UInt8] {
        DNSEdit.failure(query, code) ?? []
    }
}
