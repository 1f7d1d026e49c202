/// Where a tunnel leads: a name or an address, and a port.
package struct TunnelDestination: Sendable, Hashable, CustomStringConvertible {
    /// A name, or an address without brackets.
    package let host: String
    /// Never 0 when parsed.
    package let port: UInt16

    /// Holds both as given.
    package init(host: String, port: UInt16) {
        self.host = host
        self.port = port
    }

    /// Parses `host:port` or `[v6]:port` (RFC 9113 §8.5: the authority of CONNECT always has a port).
    package init?(authority: String) {
        guard let colon = authority.lastIndex(of: ":"), authority.utf8.count <= 300 else { return nil }
        var host = authority[..<colon]
        if host.hasPrefix("["), host.hasSuffix("]") {
            host = host.dropFirst().dropLast()
        } else if host.contains(":") {
            return nil
        }
        guard let port = UInt16(authority[authority.index(after: colon)...]), port > 0, !host.isEmpty,
            host.utf8.allSatisfy({ $0 > 0x20 && $0 < 0x7F })
        else { return nil }
        self.init(host: String(host), port: port)
    }

    /// Parses the path of connect-udp's default template (RFC 9298 §2).
    package init?(path: String) {
        let parts = path.split(separator: "/", omittingEmptySubsequences: false)
        guard parts.count == 7, parts[0].isEmpty, parts[1] == ".well-known", parts[2] == "masque", parts[3] == "udp",
            parts[6].isEmpty, let port = UInt16(parts[5]), port > 0, !parts[4].isEmpty, parts[4].utf8.count <= 255
        else { return nil }
        self.init(host: String(parts[4]).replacing("%3A", with: ":").replacing("%3a", with: ":"), port: port)
    }

    /// The authority of CONNECT.
    package var authority: String { host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)" }

    /// The path of connect-udp; colons must be escaped (RFC 9298 §2).
    package var path: String { "/.well-known/masque/udp/\(host.replacing(":", with: "%3A"))/\(port)/" }

    /// The authority.
    package var description: String { authority }
}
