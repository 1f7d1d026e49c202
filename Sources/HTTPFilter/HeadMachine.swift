/// Reads one message head as its bytes come: lines, and what they say about the message's body (RFC 9112).
///
/// Pure. It is strict: whatever two parsers could understand in two ways is malformed, since who is asked next would depend on
/// which of them is right. The same bytes, and more of them behind, are given to each call; none is read twice.
struct HeadMachine {
    /// The longest head that is read.
    static let limit = 64 << 10

    /// Which kind of first line there is.
    enum Kind { case request, response }

    /// How far it has come.
    enum Progress: Equatable {
        case more
        /// The head, line breaks included, has so many bytes.
        case complete(Int)
        case malformed
    }

    private let kind: Kind
    private var lineStart = 0
    private var scanned = 0
    private var progress = Progress.more
    private var hasFirstLine = false
    private(set) var facts = HeadFacts()

    init(_ kind: Kind) { self.kind = kind }

    /// Takes note of what has come; `bytes` begins with the head's first byte.
    mutating func advance(_ bytes: UnsafeRawBufferPointer) -> Progress {
        guard progress == .more, let base = bytes.baseAddress else { return progress }
        let end = min(bytes.count, Self.limit)
        var index = scanned
        while true {
            while index < end, ByteClass.isText(base.load(fromByteOffset: index, as: UInt8.self)) { index += 1 }
            guard index < end else { break }
            guard base.load(fromByteOffset: index, as: UInt8.self) == ByteClass.carriageReturn else { return fail() }
            guard index + 1 < end else { break }
            guard base.load(fromByteOffset: index + 1, as: UInt8.self) == ByteClass.lineFeed else { return fail() }
            let line = bytes.part(lineStart..<index)
            let offset = lineStart
            index += 2
            lineStart = index
            if !line.isEmpty {
                guard hasFirstLine ? take(field: line) : take(first: line, at: offset) else { return fail() }
            } else if hasFirstLine {
                guard facts.isConsistent(kind) else { return fail() }
                progress = .complete(index)
                return progress
            } else if kind == .response || index > 8 {
                // RFC 9112, 2.2: some clients end a body with a line break too much.
                return fail()
            }
        }
        scanned = index
        return end == Self.limit ? fail() : .more
    }

    private mutating func fail() -> Progress {
        progress = .malformed
        return progress
    }

    // MARK: First lines

    private mutating func take(first line: UnsafeRawBufferPointer, at offset: Int) -> Bool {
        hasFirstLine = true
        facts.fieldsStart = lineStart
        return kind == .request ? takeRequestLine(line, offset) : takeStatusLine(line)
    }

    /// `method SP target SP HTTP/1.x`.
    private mutating func takeRequestLine(_ line: UnsafeRawBufferPointer, _ offset: Int) -> Bool {
        var method = 0
        while method < line.count, ByteClass.isToken(line[method]) { method += 1 }
        // At least a target of one byte and the version behind it.
        let version = line.count - 8
        guard method > 0, version - 1 > method + 1, line[method] == ByteClass.space,
            line[version - 1] == ByteClass.space, takeVersion(line.part(version..<line.count))
        else { return false }
        for index in method + 1..<version - 1 where line[index] <= ByteClass.space { return false }
        facts.target = offset + method + 1..<offset + version - 1
        let name = line.part(0..<method)
        // Methods are case-sensitive; one in another case is nobody's, and has no rules of its own.
        facts.method = Self.method(name)
        return true
    }

    private static func method(_ name: UnsafeRawBufferPointer) -> HeadFacts.Method {
        switch name.count {
        case 3 where name.elementsEqual("GET".utf8) || name.elementsEqual("PUT".utf8): .idempotent
        case 4 where name.elementsEqual("HEAD".utf8): .head
        case 6 where name.elementsEqual("DELETE".utf8): .idempotent
        case 7 where name.elementsEqual("CONNECT".utf8): .connect
        case 7 where name.elementsEqual("OPTIONS".utf8): .idempotent
        default: .other
        }
    }

    /// `HTTP/1.x SP status SP reason`; the reason and the blank before it may be missing.
    private mutating func takeStatusLine(_ line: UnsafeRawBufferPointer) -> Bool {
        guard line.count >= 12, takeVersion(line.part(0..<8)), line[8] == ByteClass.space,
            line.count == 12 || line[12] == ByteClass.space
        else { return false }
        var status = 0
        for index in 9..<12 {
            guard line[index] >= 0x30, line[index] <= 0x39 else { return false }
            status = status * 10 + Int(line[index] - 0x30)
        }
        facts.status = status
        return status >= 100
    }

    private mutating func takeVersion(_ text: UnsafeRawBufferPointer) -> Bool {
        guard text.part(0..<7).elementsEqual("HTTP/1.".utf8), text[7] == 0x30 || text[7] == 0x31 else { return false }
        facts.isOld = text[7] == 0x30
        return true
    }

    // MARK: Fields

    private mutating func take(field line: UnsafeRawBufferPointer) -> Bool {
        var colon = 0
        while colon < line.count, ByteClass.isToken(line[colon]) { colon += 1 }
        // No name, a blank before the colon, or a line that continues the one before.
        guard colon > 0, colon < line.count, line[colon] == 0x3A else { return false }
        let name = line.part(0..<colon)
        switch colon {
        case 14 where name.matches("content-length"):
            return facts.take(length: line.part(colon + 1..<line.count).trimmed, kind)
        case 17 where name.matches("transfer-encoding"):
            return facts.take(encoding: line.part(colon + 1..<line.count).trimmed)
        case 10 where name.matches("connection"):
            facts.take(connection: line.part(colon + 1..<line.count).trimmed)
        case 7 where name.matches("upgrade"):
            facts.asksUpgrade = true
        default: break
        }
        return true
    }
}
