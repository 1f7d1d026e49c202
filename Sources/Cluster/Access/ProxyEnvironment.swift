/// The proxy that the environment names for a server, as Go programs such as kubectl read it.
package enum ProxyEnvironment {
    /// The value of `HTTPS_PROXY` or `https_proxy` that holds for a host.
    ///
    /// - Parameters:
    ///   - host: the API server's name or address.
    ///   - port: its port.
    ///   - environment: `NO_PROXY` lists what is reached directly: names with all below them, `.suffixes`, addresses,
    ///     IPv4 prefixes, or `*`; each may name a port. Loopback hosts are always reached directly.
    /// - Returns: The proxy's URL, nil where there is none for this host.
    package static func proxy(host: String, port: Int, environment: [String: String]) -> String? {
        guard let text = environment["HTTPS_PROXY"] ?? environment["https_proxy"], !text.isEmpty else { return nil }
        let host = host.lowercased()
        guard host != "localhost", !host.hasPrefix("127."), host != "::1" else { return nil }
        let exceptions = (environment["NO_PROXY"] ?? environment["no_proxy"] ?? "").split(separator: ",")
        for exception in exceptions {
            var word = exception.filter { !$0.isWhitespace }.lowercased()
            if word == "*" { return nil }
            if let colon = word.lastIndex(of: ":"), word.filter({ $0 == ":" }).count == 1 {
                guard Int(word[word.index(after: colon)...]) == port else { continue }
                word = String(word[..<colon])
            }
            if word.isEmpty { continue }
            if word.contains("/") {
                if contains(word, host) { return nil }
            } else if word.hasPrefix(".") {
                if host.hasSuffix(word) { return nil }
            } else if host == word || host.hasSuffix("." + word) {
                return nil
            }
        }
        return text.contains("://") ? text : "http://" + text
    }

    private static func contains(_ prefix: String, _ host: String) -> Bool {
        let words = prefix.split(separator: "/")
        guard words.count == 2, let length = Int(words[1]), 0...32 ~= length, let network = number(words[0]),
            let address = number(Substring(host))
        else { return false }
        let mask: UInt32 = length == 0 ? 0 : ~UInt32(0) << UInt32(32 - length)
        return network & mask == address & mask
    }

    private static func number(_ text: Substring) -> UInt32? {
        let parts = text.split(separator: ".", omittingEmptySubsequences: false).map { UInt8($0) }
        guard parts.count == 4 else { return nil }
        var value: UInt32 = 0
        for part in parts {
            guard let part else { return nil }
            value = value << 8 | UInt32(part)
        }
        return value
    }
}
