/// What a client says at the beginning of a TLS connection, as far as it matters to who passes the connection on.
///
/// RFC 8446, 4.1.2; RFC 6066, 3 (server name); RFC 7301, 3.1 (application protocols).
package struct ClientHello: Sendable, Hashable {
    /// The name of the server that is wanted; nil where none is said, or one that cannot be a host's.
    package var serverName: String?
    /// The application protocols that are offered, in the client's order.
    package var alpn: [String]

    package init(serverName: String? = nil, alpn: [String] = []) {
        self.serverName = serverName
        self.alpn = alpn
    }

    /// What the bytes that have come amount to.
    package enum Reading: Equatable, Sendable {
        /// More has to come.
        case partial
        /// This is not how TLS begins.
        case notTLS
        /// A whole message.
        case hello(ClientHello)
    }

    /// The longest message that is read: with keys for after quantum computers it has some 2 KiB.
    private static let limit = 1 << 16

    /// Looks at all that has come, which may be cut anywhere.
    package static func read(_ bytes: UnsafeRawBufferPointer) -> Reading {
        var message: [UInt8] = []
        var rest = bytes[...]
        while true {
            guard let type = rest.first else { return .partial }
            // A handshake record of any version of TLS.
            guard type == 22, rest.count < 2 || rest[rest.startIndex + 1] == 3 else { return .notTLS }
            guard rest.count >= 5 else { return .partial }
            let length = Int(rest[rest.startIndex + 3]) << 8 | Int(rest[rest.startIndex + 4])
            guard 1...(1 << 14) ~= length else { return .notTLS }
            let record = rest.dropFirst(5).prefix(length)
            message += record
            guard message.isEmpty || message[0] == 1 else { return .notTLS }
            if message.count >= 4 {
                let size = Int(message[1]) << 16 | Int(message[2]) << 8 | Int(message[3])
                guard size <= limit else { return .notTLS }
                if message.count >= 4 + size { return parse(message[4..<(4 + size)]) }
            }
            guard record.count == length else { return .partial }
            rest = rest.dropFirst(5 + length)
        }
    }

    private static func parse(_ message: ArraySlice<UInt8>) -> Reading {
        var reader = Reader(rest: message)
        // Version and random.
        guard reader.skip(34), reader.vector(1) != nil, reader.vector(2) != nil, reader.vector(1) != nil else {
            return .notTLS
        }
        var hello = ClientHello()
        guard !reader.rest.isEmpty else { return .hello(hello) }
        guard var extensions = reader.vector(2) else { return .notTLS }
        while !extensions.rest.isEmpty {
            guard let type = extensions.number(2), let content = extensions.vector(2) else { return .notTLS }
            switch type {
            case 0: hello.serverName = serverName(content)
            case 16: hello.alpn = protocols(content)
            default: break
            }
        }
        return .hello(hello)
    }

    private static func serverName(_ content: Reader) -> String? {
        var content = content
        guard var names = content.vector(2) else { return nil }
        while let type = names.number(1), let name = names.vector(2)?.rest {
            guard type == 0, 1...255 ~= name.count, name.allSatisfy({ 0x21...0x7E ~= $0 }) else { continue }
            return String(decoding: name, as: UTF8.self)
        }
        return nil
    }

    private static func protocols(_ content: Reader) -> [String] {
        var content = content
        guard var names = content.vector(2) else { return [] }
        var found: [String] = []
        while let name = names.vector(1)?.rest { found.append(String(decoding: name, as: UTF8.self)) }
        return found
    }

    /// Takes numbers and vectors off the front.
    private struct Reader {
        var rest: ArraySlice<UInt8>

        mutating func skip(_ count: Int) -> Bool {
            guard rest.count >= count else { return false }
            rest = rest.dropFirst(count)
            return true
        }

        mutating func number(_ size: Int) -> Int? {
            guard rest.count >= size else { return nil }
            let value = rest.prefix(size).reduce(0) { $0 << 8 | Int($1) }
            rest = rest.dropFirst(size)
            return value
        }

        /// What follows its own length.
        mutating func vector(_ size: Int) -> Reader? {
            guard let count = number(size), rest.count >= count else { return nil }
            defer { rest = rest.dropFirst(count) }
            return Reader(rest: rest.prefix(count))
        }
    }
}
