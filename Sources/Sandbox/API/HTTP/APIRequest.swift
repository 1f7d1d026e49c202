import TLS

/// One request, whatever version of HTTP brought it.
struct APIRequest: Sendable {
    /// GET, POST, PUT, PATCH, DELETE.
    let method: String
    /// The path, decoded, without the query.
    let path: String
    /// The query's pairs, decoded, in order.
    let query: [(name: String, value: String)]
    /// Names in lower case.
    let headers: [(name: String, value: String)]
    /// The whole body.
    let body: [UInt8]
    /// The client's certificate, checked by TLS.
    let peer: PeerCertificate?

    /// Takes a request apart.
    init(
        method: String,
        target: String,
        headers: [(name: String, value: String)],
        body: [UInt8],
        peer: PeerCertificate?
    ) {
        self.method = method
        let split = target.firstIndex(of: "?")
        self.path = Self.decode(target[..<(split ?? target.endIndex)], plus: false)
        self.query = split.map { Self.pairs(target[target.index(after: $0)...]) } ?? []
        self.headers = headers
        self.body = body
        self.peer = peer
    }

    /// The first value of a parameter.
    func parameter(_ name: String) -> String? { self.query.first { $0.name == name }?.value }

    /// Whether a parameter says yes.
    func flag(_ name: String) -> Bool {
        guard let value = self.parameter(name) else { return false }
        return value != "false" && value != "0"
    }

    /// The first value of a header; the name in lower case.
    func header(_ name: String) -> String? { self.headers.first { $0.name == name }?.value }

    /// All values of a header.
    func values(_ name: String) -> [String] { self.headers.filter { $0.name == name }.map(\.value) }

    /// The media type of the body, without parameters.
    var contentType: String {
        let value = self.header("content-type") ?? ""
        return String((value.split(separator: ";").first ?? "").trimmed)
    }

    private static func pairs(_ text: Substring) -> [(name: String, value: String)] {
        text.split(separator: "&").map { pair in
            let equals = pair.firstIndex(of: "=") ?? pair.endIndex
            let value = equals == pair.endIndex ? "" : pair[pair.index(after: equals)...]
            return (self.decode(pair[..<equals], plus: true), self.decode(value, plus: true))
        }
    }

    private static func decode(_ text: Substring, plus: Bool) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(plus && byte == UInt8(ascii: "+") ? UInt8(ascii: " ") : byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
