/// Names in DNS messages (RFC 1035, 3.1): text in lower case without the last dot.
enum DNSName {
    /// Reads a name, following compression; nil when it is malformed.
    ///
    /// Moves `offset` past it.
    static func read(_ bytes: [UInt8], _ offset: inout Int) -> String? {
        var labels: [String] = []
        var at = offset
        var jumped = false
        var length = 0
        while true {
            guard at < bytes.count else { return nil }
            let size = Int(bytes[at])
            if size & 0xC0 == 0xC0 {
                guard at + 1 < bytes.count else { return nil }
                let target = (size & 0x3F) << 8 | Int(bytes[at + 1])
                if !jumped { offset = at + 2 }
                jumped = true
                // Only backwards: so it ends.
                guard target < at else { return nil }
                at = target
                continue
            }
            guard size & 0xC0 == 0, at + 1 + size <= bytes.count else { return nil }
            if size == 0 {
                if !jumped { offset = at + 1 }
                return labels.joined(separator: ".")
            }
            length += size + 1
            guard length <= 254 else { return nil }
            labels.append(String(decoding: bytes[(at + 1)..<(at + 1 + size)], as: UTF8.self).lowercased())
            at += 1 + size
        }
    }

    /// A name's bytes, uncompressed.
    static func bytes(_ name: String) -> [UInt8] {
        var bytes: [UInt8] = []
        for label in name.split(separator: ".") {
            let text = Array(label.utf8.prefix(63))
            bytes.append(UInt8(text.count))
            bytes.append(contentsOf: text)
        }
        return bytes + [0]
    }
}
