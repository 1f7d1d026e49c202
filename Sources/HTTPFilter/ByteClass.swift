/// Which bytes may stand where in HTTP/1.1 (RFC 9110, 5.6.2 and 5.5).
enum ByteClass {
    static let lineFeed: UInt8 = 10
    static let carriageReturn: UInt8 = 13
    static let space: UInt8 = 32
    static let tab: UInt8 = 9

    /// `tchar`: what methods and names of fields consist of.
    static func isToken(_ byte: UInt8) -> Bool {
        // Letters, digits and !#$%&'*+-.^_`|~ as two bit sets.
        let low: UInt64 = 0x03FF_6CFA_0000_0000
        let high: UInt64 = 0x57FF_FFFF_C7FF_FFFE
        return byte < 64 ? (low >> UInt64(byte)) & 1 == 1 : byte < 128 && (high >> UInt64(byte - 64)) & 1 == 1
    }

    /// What a line may contain between its line breaks.
    static func isText(_ byte: UInt8) -> Bool {
        byte >= 0x20 ? byte != 0x7F : byte == tab
    }

    static func isBlank(_ byte: UInt8) -> Bool { byte == space || byte == tab }

    static func lowercased(_ byte: UInt8) -> UInt8 {
        byte >= 0x41 && byte <= 0x5A ? byte | 0x20 : byte
    }
}

extension UnsafeRawBufferPointer {
    /// The bytes of a range, which lies inside.
    func part(_ range: Range<Int>) -> UnsafeRawBufferPointer { UnsafeRawBufferPointer(rebasing: self[range]) }

    /// Whether these are the bytes of a lower-case text, in whatever case they are.
    func matches(_ text: StaticString) -> Bool {
        guard count == text.utf8CodeUnitCount else { return false }
        return text.withUTF8Buffer { text in
            for index in 0..<count where ByteClass.lowercased(self[index]) != text[index] { return false }
            return true
        }
    }

    /// Without blanks at either end.
    var trimmed: UnsafeRawBufferPointer {
        var start = 0
        var end = count
        while start < end, ByteClass.isBlank(self[start]) { start += 1 }
        while end > start, ByteClass.isBlank(self[end - 1]) { end -= 1 }
        return part(start..<end)
    }

    /// Calls back with each element of a comma-separated list, without blanks; stops where `body` says false.
    func forEachElement(_ body: (UnsafeRawBufferPointer) -> Bool) {
        var start = 0
        while start <= count {
            var end = start
            while end < count, self[end] != 0x2C { end += 1 }
            guard body(part(start..<end).trimmed) else { return }
            start = end + 1
        }
    }
}
