/// A recursive reader of RFC 8259 text over bytes.
///
/// Its recursion is bounded by ``JSONLimits/depth``. It is strict: no comments, no trailing commas, no invalid UTF-8, no lone surrogates. Of a repeated member the last counts.
struct JSONParser: ~Copyable {
    private var offset = 0
    private var depth: Int

    private init(depth: Int) {
        self.depth = depth
    }

    static func parse(_ bytes: Span<UInt8>, limits: JSONLimits) throws(JSONError) -> JSONValue {
        guard bytes.count <= limits.size else {
            throw JSONError(problem: "longer than \(limits.size) bytes", offset: limits.size)
        }
        var parser = JSONParser(depth: limits.depth)
        parser.skipSpace(bytes)
        let value = try parser.value(bytes)
        parser.skipSpace(bytes)
        guard parser.offset == bytes.count else { throw parser.error("something follows the value") }
        return value
    }

    private func error(_ problem: String) -> JSONError {
        JSONError(problem: problem, offset: offset)
    }

    private mutating func skipSpace(_ bytes: Span<UInt8>) {
        while offset < bytes.count {
            switch bytes[offset] {
            case 0x20, 0x0A, 0x0D, 0x09: offset += 1
            default: return
            }
        }
    }

    private mutating func value(_ bytes: Span<UInt8>) throws(JSONError) -> JSONValue {
        guard offset < bytes.count else { throw error("the text ends where a value should be") }
        switch bytes[offset] {
        case UInt8(ascii: "{"): return try object(bytes)
        case UInt8(ascii: "["): return try array(bytes)
        case UInt8(ascii: "\""): return .string(try string(bytes))
        case UInt8(ascii: "t"): return try word("true", .bool(true), bytes)
        case UInt8(ascii: "f"): return try word("false", .bool(false), bytes)
        case UInt8(ascii: "n"): return try word("null", .null, bytes)
        case UInt8(ascii: "-"), UInt8(ascii: "0")...UInt8(ascii: "9"): return try number(bytes)
        default: throw error("no value starts with this byte")
        }
    }

    private mutating func word(
        _ word: StaticString,
        _ value: JSONValue,
        _ bytes: Span<UInt8>
    ) throws(JSONError) -> JSONValue {
        let length = word.utf8CodeUnitCount
        guard bytes.count - offset >= length else { throw error("\(word) is cut short") }
        var position = offset
        for byte in word.description.utf8 {
            guard bytes[position] == byte else { throw error("expected \(word)") }
            position += 1
        }
        offset = position
        return value
    }

    private mutating func object(_ bytes: Span<UInt8>) throws(JSONError) -> JSONValue {
        try enter()
        defer { depth += 1 }
        var members: [String: JSONValue] = [:]
        skipSpace(bytes)
        if take(UInt8(ascii: "}"), bytes) { return .object(members) }
        while true {
            guard offset < bytes.count, bytes[offset] == UInt8(ascii: "\"") else {
                throw error("expected a member name")
            }
            let name = try string(bytes)
            skipSpace(bytes)
            guard take(UInt8(ascii: ":"), bytes) else { throw error("expected ':' after a member name") }
            skipSpace(bytes)
            members[name] = try value(bytes)
            skipSpace(bytes)
            if take(UInt8(ascii: "}"), bytes) { return .object(members) }
            guard take(UInt8(ascii: ","), bytes) else { throw error("expected ',' or '}' in an object") }
            skipSpace(bytes)
        }
    }

    private mutating func array(_ bytes: Span<UInt8>) throws(JSONError) -> JSONValue {
        try enter()
        defer { depth += 1 }
        var elements: [JSONValue] = []
        skipSpace(bytes)
        if take(UInt8(ascii: "]"), bytes) { return .array(elements) }
        while true {
            elements.append(try value(bytes))
            skipSpace(bytes)
            if take(UInt8(ascii: "]"), bytes) { return .array(elements) }
            guard take(UInt8(ascii: ","), bytes) else { throw error("expected ',' or ']' in an array") }
            skipSpace(bytes)
        }
    }

    /// Steps over the opening bracket.
    private mutating func enter() throws(JSONError) {
        guard depth > 0 else { throw error("nested too deep") }
        depth -= 1
        offset += 1
    }

    private mutating func take(_ byte: UInt8, _ bytes: Span<UInt8>) -> Bool {
        guard offset < bytes.count, bytes[offset] == byte else { return false }
        offset += 1
        return true
    }

    // MARK: Strings

    private mutating func string(_ bytes: Span<UInt8>) throws(JSONError) -> String {
        offset += 1
        let start = offset
        while offset < bytes.count {
            let byte = bytes[offset]
            if byte == UInt8(ascii: "\"") {
                let text = try decode(bytes.extracting(start..<offset))
                offset += 1
                return text
            }
            if byte == UInt8(ascii: "\\") { return try escapedString(bytes, from: start) }
            guard byte >= 0x20 else { throw error("a control character in a string must be escaped") }
            offset += 1
        }
        throw error("a string does not end")
    }

    private func decode(_ bytes: Span<UInt8>) throws(JSONError) -> String {
        do {
            return String(copying: try UTF8Span(validating: bytes))
        } catch {
            throw self.error("a string is not UTF-8")
        }
    }

    private mutating func escapedString(_ bytes: Span<UInt8>, from start: Int) throws(JSONError) -> String {
        var text: [UInt8] = []
        for index in start..<offset { text.append(bytes[index]) }
        while offset < bytes.count {
            let byte = bytes[offset]
            switch byte {
            case UInt8(ascii: "\""):
                let decoded = try decode(text.span)
                offset += 1
                return decoded
            case UInt8(ascii: "\\"):
                offset += 1
                try escape(bytes, into: &text)
            case 0..<0x20:
                throw error("a control character in a string must be escaped")
            default:
                text.append(byte)
                offset += 1
            }
        }
        throw error("a string does not end")
    }

    private mutating func escape(_ bytes: Span<UInt8>, into text: inout [UInt8]) throws(JSONError) {
        guard offset < bytes.count else { throw error("a string ends inside an escape") }
        let byte = bytes[offset]
        switch byte {
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): text.append(byte)
        case UInt8(ascii: "b"): text.append(0x08)
        case UInt8(ascii: "f"): text.append(0x0C)
        case UInt8(ascii: "n"): text.append(0x0A)
        case UInt8(ascii: "r"): text.append(0x0D)
        case UInt8(ascii: "t"): text.append(0x09)
        case UInt8(ascii: "u"):
            offset += 1
            try unicodeEscape(bytes, into: &text)
            return
        default: throw error("an unknown escape")
        }
        offset += 1
    }

    private mutating func unicodeEscape(_ bytes: Span<UInt8>, into text: inout [UInt8]) throws(JSONError) {
        var code = UInt32(try hexadecimal(bytes))
        if 0xD800..<0xDC00 ~= code {
            guard bytes.count - offset >= 6, bytes[offset] == UInt8(ascii: "\\"), bytes[offset + 1] == UInt8(ascii: "u")
            else { throw error("a high surrogate stands alone") }
            offset += 2
            let low = UInt32(try hexadecimal(bytes))
            guard 0xDC00..<0xE000 ~= low else { throw error("a high surrogate stands alone") }
            code = 0x10000 + (code - 0xD800) << 10 + (low - 0xDC00)
        }
        guard let scalar = Unicode.Scalar(code) else { throw error("a low surrogate stands alone") }
        text.append(contentsOf: scalar.utf8)
    }

    private mutating func hexadecimal(_ bytes: Span<UInt8>) throws(JSONError) -> UInt16 {
        guard bytes.count - offset >= 4 else { throw error("\\u needs four hexadecimal digits") }
        var value: UInt16 = 0
        for _ in 0..<4 {
            let digit: UInt8
            switch bytes[offset] {
            case let byte where UInt8(ascii: "0")...UInt8(ascii: "9") ~= byte: digit = byte - UInt8(ascii: "0")
            case let byte where UInt8(ascii: "a")...UInt8(ascii: "f") ~= byte: digit = byte - UInt8(ascii: "a") + 10
            case let byte where UInt8(ascii: "A")...UInt8(ascii: "F") ~= byte: digit = byte - UInt8(ascii: "A") + 10
            default: throw error("\\u needs four hexadecimal digits")
            }
            value = value << 4 | UInt16(digit)
            offset += 1
        }
        return value
    }

    // MARK: Numbers

    private mutating func number(_ bytes: Span<UInt8>) throws(JSONError) -> JSONValue {
        let start = offset
        var whole = true
        _ = take(UInt8(ascii: "-"), bytes)
        let leadingZero = offset < bytes.count && bytes[offset] == UInt8(ascii: "0")
        let digitsBefore = digits(bytes)
        guard digitsBefore > 0 else { throw error("a number needs a digit") }
        guard !leadingZero || digitsBefore == 1 else { throw error("a number may not start with 0") }
        if take(UInt8(ascii: "."), bytes) {
            whole = false
            guard digits(bytes) > 0 else { throw error("a number needs a digit after '.'") }
        }
        if take(UInt8(ascii: "e"), bytes) || take(UInt8(ascii: "E"), bytes) {
            whole = false
            if !take(UInt8(ascii: "+"), bytes) { _ = take(UInt8(ascii: "-"), bytes) }
            guard digits(bytes) > 0 else { throw error("a number needs a digit in its exponent") }
        }
        let text = try decode(bytes.extracting(start..<offset))
        if whole, let value = Int64(text) { return .integer(value) }
        guard let value = Double(text), value.isFinite else { throw error("a number is out of range") }
        return .number(value)
    }

    private mutating func digits(_ bytes: Span<UInt8>) -> Int {
        let start = offset
        while offset < bytes.count, UInt8(ascii: "0")...UInt8(ascii: "9") ~= bytes[offset] { offset += 1 }
        return offset - start
    }
}
