/// Changes to messages that leave everything else as it is, byte for byte.
enum DNSEdit {
    /// Lowers every lifetime to a limit in seconds; false when the message is broken.
    static func capLifetimes(_ bytes: inout [UInt8], to limit: UInt32) -> Bool {
        guard bytes.count >= 12 else { return false }
        var offset = 12
        for _ in 0..<bytes.network16(4) {
            guard skipName(bytes, &offset), offset + 4 <= bytes.count else { return false }
            offset += 4
        }
        let records = Int(bytes.network16(6)) + Int(bytes.network16(8)) + Int(bytes.network16(10))
        for _ in 0..<records {
            guard skipName(bytes, &offset), offset + 10 <= bytes.count else { return false }
            let lifetime = UInt32(bytes.network16(offset + 4)) << 16 | UInt32(bytes.network16(offset + 6))
            // In an OPT record (41) the field holds flags.
            if bytes.network16(offset) != 41, lifetime > limit {
                withUnsafeBytes(of: limit.bigEndian) { bytes.replaceSubrange((offset + 4)..<(offset + 8), with: $0) }
            }
            offset += 10 + Int(bytes.network16(offset + 8))
            guard offset <= bytes.count else { return false }
        }
        return true
    }

    private static func skipName(_ bytes: [UInt8], _ offset: inout Int) -> Bool {
        while offset < bytes.count {
            let length = Int(bytes[offset])
            switch length & 0xc0 {
            case 0:
                offset += 1 + length
                if length == 0 { return true }
            case 0xc0:
                offset += 2
                return offset <= bytes.count
            default:
                return false
            }
        }
        return false
    }

    /// Puts another id in front.
    static func setID(_ bytes: inout [UInt8], _ id: UInt16) {
        guard bytes.count >= 2 else { return }
        bytes[0] = UInt8(truncatingIfNeeded: id >> 8)
        bytes[1] = UInt8(truncatingIfNeeded: id)
    }

    /// A query's bytes with room for answers of 4096 bytes (EDNS, RFC 6891), for clients that came by TCP.
    static func withRoom(_ query: [UInt8]) -> [UInt8] {
        guard query.count >= 12, query.network16(10) == 0 else { return query }
        var bytes = query
        bytes[11] = 1
        return bytes + [0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 0]
    }

    /// The response to a query that `withRoom` has changed, as one to the query before: without EDNS.
    static func withoutRoom(_ response: [UInt8], for query: [UInt8]) -> [UInt8] {
        guard query.count >= 12, query.network16(10) == 0, var message = DNSMessage(response),
            message.additionals.contains(where: { $0.type == 41 })
        else { return response }
        message.additionals.removeAll { $0.type == 41 }
        let wire = message.wire
        return wire.count > 65_535 ? response : wire
    }

    /// A query for another name.
    static func query(_ bytes: [UInt8], for name: DNSName) -> [UInt8]? {
        guard var message = DNSMessage(bytes) else { return nil }
        message.question.name = name
        return message.wire
    }

    /// The response to a query for another name, as if the query's own name had been asked for.
    ///
    /// What exceeds `limit` bytes is dropped and the response marked as truncated.
    static func response(
        _ bytes: [UInt8],
        to query: [UInt8],
        asked name: DNSName,
        queried: DNSName,
        limit: Int
    ) -> [UInt8]? {
        guard var message = DNSMessage(bytes), message.question.name == queried else { return nil }
        message.question.name = name
        for index in message.answers.indices where message.answers[index].name == queried {
            message.answers[index].name = name
        }
        var wire = message.wire
        if wire.count > limit {
            message.answers = []
            message.authorities = []
            message.additionals = message.additionals.filter { $0.type == 41 }
            message.flags |= 0x0200
            wire = message.wire
        }
        // The question as it was written: some clients mix cases and insist on finding them again.
        let end = 12 + name.wire.count
        var offset = 12
        if query.count >= end, wire.count >= end, DNSName.read(query, at: &offset) == name, offset == end {
            wire.replaceSubrange(12..<end, with: query[12..<end])
        }
        return wire
    }

    /// The largest datagram that the sender of a query takes.
    static func limit(of query: [UInt8]) -> Int {
        guard let message = DNSMessage(query), let option = message.additionals.first(where: { $0.type == 41 }) else {
            return 512
        }
        return max(512, Int(option.classCode))
    }

    /// An answer without records to a query that may be broken; nil when not even its header is there.
    static func failure(_ query: [UInt8], _ code: DNSMessage.Code) -> [UInt8]? {
        guard query.count >= 12, query[2] & 0x80 == 0 else { return nil }
        if let message = DNSMessage(query) { return DNSMessage.response(to: message, code).wire }
        var bytes = Array(query[0..<2])
        bytes.appendNetwork(UInt16(0x8080) | UInt16(query[2]) << 8 & 0x7900 | code.rawValue)
        return bytes + [UInt8](repeating: 0, count: 8)
    }
}
