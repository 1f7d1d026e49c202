import Kernel

/// `host:port` of a manager that is published outside its cluster.
struct DirectAddress: Sendable, Hashable, CustomStringConvertible {
    /// Name, or address without brackets.
    let host: String
    let port: Int

    /// From `host:port`, an IPv6 address in brackets; nil for anything else.
    init?(_ text: some StringProtocol) {
        guard let colon = text.lastIndex(of: ":"), let port = UInt16(text[text.index(after: colon)...]), port > 0 else {
            return nil
        }
        var host = text[..<colon]
        if host.first == "[", host.last == "]" {
            host = host.dropFirst().dropLast()
            guard InternetAddress(host)?.family == .v6 else { return nil }
        } else {
            guard !host.isEmpty, !host.contains(where: { $0 == ":" || $0 == "/" || $0 == "@" || $0.isWhitespace })
            else {
                return nil
            }
        }
        self.host = String(host)
        self.port = Int(port)
    }

    var description: String { Self.text(host, port) }

    static func text(_ host: String, _ port: Int) -> String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
