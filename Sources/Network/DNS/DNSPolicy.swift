package import Kernel

/// Which names are asked for in the cluster, and under which full names.
package struct DNSPolicy: Hashable, Sendable {
    /// Where a question goes.
    package enum Route: Hashable, Sendable {
        /// To the workstation's own resolvers, unchanged.
        case upstream
        /// To the cluster, the candidates in order; with `fallback` upstream when none of them exists there.
        case cluster([DNSName], fallback: Bool)
    }

    /// The suffixes that never go to the cluster unless included.
    package static let standardExcludedSuffixes = [".com", ".io", ".net", ".org", ".ru", ".arpa"]

    /// Such as `cluster.local`.
    package var clusterDomain: DNSName

    /// The namespace in which single labels are looked up.
    package var namespace: String

    /// Namespaces whose names resolve as `name.namespace`.
    package var namespaces: Set<String>

    /// More suffixes that go to the cluster, with or without a leading dot.
    package var includedSuffixes: [DNSName]

    /// Suffixes that do not.
    package var excludedSuffixes: [DNSName]

    /// Names that never go to the cluster.
    package var excludedNames: Set<DNSName>

    /// Subnets whose addresses are looked up in reverse in the cluster.
    package var subnets: [InternetPrefix]

    /// Takes text forms; what is no domain name is left out.
    package init(
        clusterDomain: String = "cluster.local",
        namespace: String,
        namespaces: some Sequence<String> = [],
        includedSuffixes: [String] = [],
        excludedSuffixes: [String] = DNSPolicy.standardExcludedSuffixes,
        excludedNames: [String] = [],
        subnets: [InternetPrefix] = []
    ) {
        func names(_ texts: [String]) -> [DNSName] {
            texts.compactMap { DNSName($0.hasPrefix(".") ? $0.dropFirst() : $0[...]) }.filter { !$0.labels.isEmpty }
        }
        let domain = names([clusterDomain]).first ?? DNSName(labels: [Array("cluster".utf8), Array("local".utf8)])
        self.clusterDomain = domain ?? .root
        self.namespace = namespace
        self.namespaces = Set(namespaces).union([namespace])
        self.includedSuffixes = names(includedSuffixes)
        self.excludedSuffixes = names(excludedSuffixes)
        self.excludedNames = Set(names(excludedNames))
        self.subnets = subnets
    }

    /// Decides about a name.
    package func route(_ name: DNSName) -> Route {
        let labels = name.labels
        guard let first = labels.first, let last = labels.last else { return .upstream }
        // Proxy discovery asks for wpad under every suffix; the cluster must never be able to answer it.
        guard first != Array("wpad".utf8), !excludedNames.contains(name) else { return .upstream }
        // Nothing but this machine (RFC 6761, 6.3).
        guard last != Array("localhost".utf8) else { return .upstream }
        // DNS service discovery is about the local network.
        guard !labels.contains(Array("_dns-sd".utf8)) else { return .upstream }
        if labels.count == 1 {
            return candidates(name, [namespace, "svc"], fallback: true)
        }
        if name.hasSuffix(clusterDomain) { return .cluster([name], fallback: false) }
        if let address = DNSPolicy.reversed(name) {
            return subnets.contains { $0.contains(address) } ? .cluster([name], fallback: true) : .upstream
        }
        let included = includedSuffixes.filter(name.hasSuffix).map(\.labels.count).max()
        if let excluded = excludedSuffixes.filter(name.hasSuffix).map(\.labels.count).max(),
            excluded > included ?? 0
        {
            return .upstream
        }
        if last == Array("svc".utf8) { return candidates(name, [], fallback: false) }
        if namespaces.contains(String(decoding: last, as: UTF8.self)) {
            return candidates(name, ["svc"], fallback: true)
        }
        return included == nil ? .upstream : .cluster([name], fallback: false)
    }

    private func candidates(_ name: DNSName, _ more: [String], fallback: Bool) -> Route {
        let full = DNSName(labels: name.labels + more.map { Array($0.utf8) } + clusterDomain.labels)
        guard let full else { return .upstream }
        return .cluster([full], fallback: fallback)
    }

    /// The address that a name under in-addr.arpa or ip6.arpa stands for.
    static func reversed(_ name: DNSName) -> InternetAddress? {
        let texts = name.labels.map { String(decoding: $0, as: UTF8.self) }
        if texts.count == 6, texts.suffix(2) == ["in-addr", "arpa"] {
            return InternetAddress(texts.prefix(4).reversed().joined(separator: "."))
        }
        guard texts.count == 34, texts.suffix(2) == ["ip6", "arpa"] else { return nil }
        let digits = texts.prefix(32).reversed().compactMap { $0.count == 1 ? UInt8($0, radix: 16) : nil }
        guard digits.count == 32 else { return nil }
        return InternetAddress(bytes: stride(from: 0, to: 32, by: 2).map { digits[$0] << 4 | digits[$0 + 1] })
    }
}
