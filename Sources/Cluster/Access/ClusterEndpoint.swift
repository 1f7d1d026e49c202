/// Where an API server is and how it proves who it is.
package struct ClusterEndpoint: Sendable, Hashable {
    /// Why a server URL cannot be used.
    package struct Failure: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
    }

    /// The URL as it was written: what messages name.
    package let url: String
    /// Host name, or address without brackets.
    package let host: String
    package let port: Int
    /// The path before `/api`, without a slash at its end; mostly empty.
    package let basePath: String
    /// PEM of the authorities that may have issued the server's certificate; nil means those of the system.
    package var authorities: [UInt8]?
    /// The name that the certificate must carry, when not ``host``.
    package var tlsServerName: String?
    /// Whether the certificate is not checked at all.
    package var insecureSkipVerify: Bool
    /// The proxy on the way there, if any.
    package var proxy: ProxyAddress?

    /// Reads `https://host[:port][/path]`.
    package init(
        url: String,
        authorities: [UInt8]? = nil,
        tlsServerName: String? = nil,
        insecureSkipVerify: Bool = false,
        proxy: ProxyAddress? = nil
    ) throws(Failure) {
        self.url = url
        self.proxy = proxy
        self.authorities = authorities
        self.tlsServerName = tlsServerName
        self.insecureSkipVerify = insecureSkipVerify
        guard url.hasPrefix("https://") else {
            throw Failure(description: "the server URL '\(url)' must start with https://")
        }
        let rest = url.dropFirst("https://".count)
        let slash = rest.firstIndex(of: "/") ?? rest.endIndex
        var path = rest[slash...]
        while path.last == "/" { path = path.dropLast() }
        basePath = String(path)
        let authority = rest[..<slash]
        guard !authority.contains("@"), !authority.contains("?"), !path.contains("?") else {
            throw Failure(description: "the server URL '\(url)' may hold neither user nor query")
        }
        let hostText: Substring
        let portText: Substring?
        if authority.first == "[", let end = authority.firstIndex(of: "]") {
            hostText = authority[authority.index(after: authority.startIndex)..<end]
            let tail = authority[authority.index(after: end)...]
            guard tail.isEmpty || tail.first == ":" else {
                throw Failure(description: "the server URL '\(url)' is wrong")
            }
            portText = tail.isEmpty ? nil : tail.dropFirst()
        } else if let colon = authority.firstIndex(of: ":") {
            hostText = authority[..<colon]
            portText = authority[authority.index(after: colon)...]
        } else {
            hostText = authority
            portText = nil
        }
        guard !hostText.isEmpty else { throw Failure(description: "the server URL '\(url)' names no host") }
        if let portText {
            guard let port = UInt16(portText), port > 0 else {
                throw Failure(description: "the server URL '\(url)' has no valid port: '\(portText)'")
            }
            self.port = Int(port)
        } else {
            port = 443
        }
        host = String(hostText)
    }

    /// `host:port` with brackets where needed: the HTTP authority.
    package var authority: String {
        let host = host.contains(":") ? "[\(host)]" : host
        return port == 443 ? host : "\(host):\(port)"
    }
}
