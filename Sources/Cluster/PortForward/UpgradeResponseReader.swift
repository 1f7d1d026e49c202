internal import NIOCore

/// Reads the answer to a WebSocket upgrade (RFC 9112, RFC 6455 §4.1): 101, or an error with its text.
///
/// Pure. The head may be 64 KiB long, an error's body is read up to 64 KiB.
struct UpgradeResponseReader: ~Copyable {
    enum Outcome: Equatable {
        /// The upgrade was accepted; what followed the head.
        case upgraded(protocol: String?, accept: String?, rest: ByteBuffer)
        case refused(status: Int, body: [UInt8], retryAfter: String?)
        case malformed(String)
    }

    private struct Head {
        var status: Int
        var fields: [String: String]
    }

    private static let limit = 64 << 10
    private var buffer = ByteBuffer()
    private var head: Head?

    /// Adds bytes; nil means that more are needed.
    mutating func feed(_ bytes: ByteBuffer) -> Outcome? {
        buffer.writeImmutableBuffer(bytes)
        if head == nil {
            guard let end = endOfHead() else {
                return buffer.readableBytes > Self.limit ? .malformed("the answer's head is too long") : nil
            }
            let text = buffer.readString(length: end - buffer.readerIndex) ?? ""
            guard let parsed = Self.parse(text) else { return .malformed("the answer is not HTTP/1.1") }
            head = parsed
        }
        guard let head else { return nil }
        if head.status == 101 {
            return .upgraded(
                protocol: head.fields["sec-websocket-protocol"],
                accept: head.fields["sec-websocket-accept"],
                rest: buffer
            )
        }
        let expected = head.fields["content-length"].flatMap { Int($0) }
        if let expected, expected > buffer.readableBytes, buffer.readableBytes < Self.limit { return nil }
        if expected == nil, buffer.readableBytes < Self.limit { return nil }
        return refused(head)
    }

    /// The peer closed: what there is has to do.
    mutating func end() -> Outcome {
        guard let head else { return .malformed("the connection was closed before an answer came") }
        return refused(head)
    }

    private func refused(_ head: Head) -> Outcome {
        var body = [UInt8](buffer.readableBytesView)
        if head.fields["transfer-encoding"] == "chunked" { body = Self.unchunk(body) }
        return .refused(status: head.status, body: body, retryAfter: head.fields["retry-after"])
    }

    /// The index after the empty line.
    private func endOfHead() -> Int? {
        let view = buffer.readableBytesView
        var index = view.startIndex
        while let newline = view[index...].firstIndex(of: UInt8(ascii: "\n")) {
            let next = newline + 1
            if next < view.endIndex, view[next] == UInt8(ascii: "\n") { return next + 1 }
            if next + 1 < view.endIndex, view[next] == UInt8(ascii: "\r"), view[next + 1] == UInt8(ascii: "\n") {
                return next + 2
            }
            index = next
        }
        return nil
    }

    private static func parse(_ text: String) -> Head? {
        let lines = text.utf8.split(separator: UInt8(ascii: "\n")).map { line in
            String(decoding: line.last == UInt8(ascii: "\r") ? line.dropLast() : line, as: UTF8.self)
        }
        guard let first = lines.first else { return nil }
        let words = first.split(separator: " ", maxSplits: 2)
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), words[1].utf8.count == 3, let status = Int(words[1])
        else {
            return nil
        }
        var fields: [String: String] = [:]
        for line in lines.dropFirst() {
            guard let colon = line.firstIndex(of: ":") else { continue }
            fields[line[..<colon].lowercased()] = String(line[line.index(after: colon)...]).trimmedOfSpace
        }
        return Head(status: status, fields: fields)
    }

    /// The bytes of a chunked body, as far as it is well formed.
    private static func unchunk(_ bytes: [UInt8]) -> [UInt8] {
        var result: [UInt8] = []
        var rest = bytes[...]
        while let newline = rest.firstIndex(of: UInt8(ascii: "\n")) {
            let line = String(decoding: rest[..<newline], as: UTF8.self).prefix(while: \.isHexDigit)
            guard let size = Int(line, radix: 16), size > 0, size <= rest.count else { break }
            let start = newline + 1
            let end = min(start + size, rest.endIndex)
            result += rest[start..<end]
            rest = rest[end...].drop(while: { $0 == UInt8(ascii: "\r") || $0 == UInt8(ascii: "\n") })
        }
        return result
    }
}
