/// Asks a proxy for a connection: HTTP CONNECT (RFC 9110, 9.3.6) or SOCKS5 (RFC 1928, RFC 1929).
///
/// Pure: bytes in, what to do out.
///
///     HTTP:    CONNECT sent ──2xx──► open
///     SOCKS5:  greeting sent ──► (password sent) ──► request sent ──► open
struct ProxyMachine {
    enum Action: Equatable {
        /// More bytes are needed.
        case wait
        /// Send these, then wait.
        case send([UInt8])
        /// The way to the server is open.
        case open
    }

    private enum State { case head, method, password, reply, over }

    /// The longest head of an answer.
    private static let limit = 16 << 10

    private let proxy: ProxyAddress
    private let host: String
    private let port: Int
    private var state = State.over
    private var buffer: [UInt8] = []

    init(_ proxy: ProxyAddress, host: String, port: Int) {
        self.proxy = proxy
        self.host = host
        self.port = port
    }

    /// What to send first.
    mutating func start() -> [UInt8] {
        guard proxy.kind == .socks5 else {
            state = .head
            let target = (host.contains(":") ? "[\(host)]" : host) + ":\(port)"
            var text = "CONNECT \(target) HTTP/1.1\r\nHost: \(target)\r\nUser-Agent: telepresence-swift\r\n"
            if let user = proxy.user {
                let words = Base64.encode(Array("\(user):\(proxy.password ?? "")".utf8))
                text += "Proxy-Authorization: Basic \(words)\r\n"
            }
            return Array((text + "\r\n").utf8)
        }
        state = .method
        return proxy.user == nil ? [5, 1, 0] : [5, 2, 0, 2]
    }

    /// Takes what the proxy says.
    mutating func feed(_ bytes: some Sequence<UInt8>) throws(ProxyError) -> Action {
        buffer += bytes
        switch state {
        case .head: return try head()
        case .method: return try method()
        case .password:
            guard buffer.count >= 2 else { return .wait }
            guard buffer[1] == 0 else { throw failure("refused the user name or the password") }
            buffer.removeFirst(2)
            return .send(request())
        case .reply: return try reply()
        case .over: return .wait
        }
    }

    private func failure(_ words: String) -> ProxyError {
        ProxyError(message: "the proxy \(proxy.url) \(words)")
    }

    private mutating func head() throws(ProxyError) -> Action {
        let end = Array("\r\n\r\n".utf8)
        guard buffer.count >= end.count,
            let start = (0...(buffer.count - end.count)).first(where: { Array(buffer[$0..<($0 + 4)]) == end })
        else {
            guard buffer.count <= Self.limit else { throw failure("answers with too long a head") }
            return .wait
        }
        let line = String(decoding: buffer.prefix { $0 != UInt8(ascii: "\r") }, as: UTF8.self)
        let words = line.split(separator: " ", maxSplits: 2)
        guard words.count >= 2, words[0].hasPrefix("HTTP/1."), let status = Int(words[1]) else {
            throw failure("does not speak HTTP: '\(line.prefix(80))'")
        }
        guard 200..<300 ~= status else {
            let reason = words.count > 2 ? " (\(words[2].prefix(120)))" : ""
            let hint = status == 407 ? "; put user and password into its URL" : ""
            throw failure("refused the connection to \(host):\(port) with status \(status)\(reason)\(hint)")
        }
        // TLS servers do not speak first.
        guard buffer.count == start + end.count else { throw failure("sent bytes after its answer") }
        state = .over
        return .open
    }

    private mutating func method() throws(ProxyError) -> Action {
        guard buffer.count >= 2 else { return .wait }
        guard buffer[0] == 5 else { throw failure("does not speak SOCKS5") }
        let method = buffer[1]
        buffer.removeFirst(2)
        switch method {
        case 0: return .send(request())
        case 2:
            guard let user = proxy.user else { throw failure("wants a user name; put it into its URL") }
            let name = Array(user.utf8.prefix(255))
            let password = Array((proxy.password ?? "").utf8.prefix(255))
            state = .password
            return .send([1, UInt8(name.count)] + name + [UInt8(password.count)] + password)
        default: throw failure("accepts none of our ways to log in")
        }
    }

    private mutating func request() -> [UInt8] {
        state = .reply
        let name = Array(host.utf8.prefix(255))
        return [5, 1, 0, 3, UInt8(name.count)] + name + [UInt8(port >> 8 & 0xff), UInt8(port & 0xff)]
    }

    private mutating func reply() throws(ProxyError) -> Action {
        guard buffer.count >= 5 else { return .wait }
        guard buffer[0] == 5 else { throw failure("does not speak SOCKS5") }
        guard buffer[1] == 0 else {
            let reasons = [
                1: "general failure", 2: "not allowed by its rules", 3: "network unreachable", 4: "host unreachable",
                5: "connection refused", 6: "expired", 7: "command not supported", 8: "address not supported",
            ]
            let reason = reasons[Int(buffer[1])] ?? "code \(buffer[1])"
            throw failure("refused the connection to \(host):\(port) (\(reason))")
        }
        let length: Int
        switch buffer[3] {
        case 1: length = 10
        case 4: length = 22
        case 3: length = 7 + Int(buffer[4])
        default: throw failure("answers with an unknown kind of address")
        }
        guard buffer.count >= length else { return .wait }
        guard buffer.count == length else { throw failure("sent bytes after its answer") }
        state = .over
        return .open
    }
}

/// Why a proxy gave no connection.
struct ProxyError: Error, Sendable, Hashable, CustomStringConvertible {
    let message: String

    var description: String { message }
}
