package import Kernel

/// What `resolv.conf` says.
package struct ResolverConfiguration: Hashable, Sendable {
    /// The resolvers in order.
    ///
    /// An empty file means the local host (resolv.conf(5)).
    package var nameservers: [InternetAddress]

    /// The search list.
    package var search: [String]

    /// Reads the text of a `resolv.conf`; what is not understood is passed over.
    package init(parsing text: some StringProtocol) {
        nameservers = []
        search = []
        for line in text.split(whereSeparator: \.isNewline) {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard words.count > 1 else { continue }
            switch words[0] {
            case "nameserver":
                // A zone (fe80::1%eth0) names a link-local resolver, which cannot be asked without it.
                if let address = InternetAddress(words[1]) { nameservers.append(address) }
            case "search": search = words[1...].map { String($0) }
            case "domain": search = [String(words[1])]
            default: break
            }
        }
    }
}
