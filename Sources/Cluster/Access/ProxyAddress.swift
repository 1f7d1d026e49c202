/// A proxy on the way to the API server (`proxy-url` of a kubeconfig cluster, or the environment's `HTTPS_PROXY`).
package struct ProxyAddress: Sendable, Hashable {
    /// Why a proxy's URL cannot be used.
    package struct Failure: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
    }

    /// How it is spoken to.
    package enum Kind: Sendable, Hashable {
        /// `http://`: CONNECT in the clear.
        case http
        /// `https://`: CONNECT inside TLS.
        case https
        /// `socks5://` and `socks5h://` (RFC 1928); the proxy resolves names in both.
        case socks5
    }

    /// The URL as messages name it: without user and password.
    package let url: String
    package let kind: Kind
    /// Host name, or address without brackets.
    package let host: String
    package let port: Int
    /// Name and password to show, when the URL has them.
    package let user: String?
    package let password: String?

    /// Reads `http://[user[:password]@]host[:port]`, and the same with `https`, `socks5` and `socks5h`.
    package init(url: String) throws(Failure) {
        guard let colons = url.range(of: "://") else {
            throw Failure(description: "the proxy '\(url)' must begin with http://, https:// or socks5://")
        }
        let scheme = url[..<colons.lowerBound].lowercased()
        let usual: Int
        switch scheme {
        case "http": (kind, usual) = (.http, 80)
        case "https": (kind, usual) = (.https, 443)
        case "socks5", "socks5h": (kind, usual) = (.socks5, 1080)
        default:
            throw Failure(
                description: "a proxy of kind \(scheme) is not supported; use http://, https:// or socks5://"
            )
        }
        var authority = url[colons.upperBound...].prefix { $0 != "/" && $0 != "?" && $0 != "#" }
        if let at = authority.lastIndex(of: "@") {
            let words = authority[..<at].split(separator: ":", maxSplits: 1, omittingEmptySubsequences: false)
            user = Self.unescape(words[0])
            password = words.count > 1 ? Self.unescape(words[1]) : ""
            authority = authority[authority.index(after: at)...]
        } else {
            user = nil
            password = nil
        }
        var portText: Substring?
        if authority.first == "[", let end = authority.firstIndex(of: "]") {
            host = String(authority[authority.index(after: authority.startIndex)..<end])
            let tail = authority[authority.index(after: end)...]
            portText = tail.first == ":" ? tail.dropFirst() : nil
        } else if let colon = authority.lastIndex(of: ":") {
            host = String(authority[..<colon])
            portText = authority[authority.index(after: colon)...]
        } else {
            host = String(authority)
        }
        guard !host.isEmpty else { throw Failure(description: "the proxy '\(scheme)://\(authority)' names no host") }
        if let portText {
            guard let number = UInt16(portText), number > 0 else {
                throw Failure(description: "the proxy '\(scheme)://\(authority)' has no valid port: '\(portText)'")
            }
            port = Int(number)
        } else {
            port = usual
        }
        self.url = "\(scheme)://\(authority)"
    }

    private static func unescape(_ text: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(text.utf8)[...]
        while let byte = rest.popFirst() {
            if byte == UInt8(ascii: "%"), rest.count >= 2,
                let value = UInt8(String(decoding: rest.prefix(2), as: UTF8.self), radix: 16)
            {
                bytes.append(value)
                rest = rest.dropFirst(2)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}

extension String {
    /// Where a text begins and ends in this one.
    fileprivate func range(of text: String) -> Range<String.Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(text) { return start..<index(start, offsetBy: text.count) }
            start = index(after: start)
        }
        return nil
    }
}
