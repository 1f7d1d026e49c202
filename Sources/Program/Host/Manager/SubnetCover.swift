import Kernel

/// Prefixes that cover addresses, where the cluster does not say which there are.
enum SubnetCover {
    /// More prefixes than that are joined even where that covers addresses that nobody has: each is a route on every
    /// workstation.
    static let maximum = 32

    /// Few prefixes that hold all the pods' addresses, sorted.
    ///
    /// The /24 (IPv4) or /120 (IPv6) around each, so that the next pod on the same node changes nothing; neighbours are
    /// joined where they fill the wider prefix exactly. Only when too many remain do the closest grow together, up to /16 or /48.
    static func pods(_ addresses: some Sequence<String>) -> [String] {
        var prefixes: Set<InternetPrefix> = []
        for text in addresses {
            guard let address = InternetAddress(text) else { continue }
            if let prefix = InternetPrefix(address, length: address.bitWidth - 8) { prefixes.insert(prefix) }
        }
        var sorted = join(prefixes)
        while sorted.count > maximum, let closer = grown(sorted) { sorted = join(Set(closer)) }
        return sorted.map(\.description)
    }

    /// The /16 (IPv4) or /112 (IPv6) around the address of the API server's service.
    static func services(_ address: String) -> [String] {
        guard let address = InternetAddress(address),
            let prefix = InternetPrefix(address, length: address.family == .v4 ? 16 : 112)
        else { return [] }
        return [prefix.description]
    }

    /// Whether a text is a prefix with a length, such as 10.0.0.0/8.
    static func isPrefix(_ text: String) -> Bool {
        text.contains("/") && InternetPrefix(text) != nil
    }

    /// Joins siblings until there are none; what lies in a wider one is dropped.
    private static func join(_ prefixes: Set<InternetPrefix>) -> [InternetPrefix] {
        var prefixes = prefixes
        var again = true
        while again {
            again = false
            for prefix in prefixes.sorted(by: before) where prefixes.contains(prefix) {
                guard prefix.length > 0, let parent = InternetPrefix(prefix.address, length: prefix.length - 1) else {
                    continue
                }
                let inside = prefixes.filter { parent.contains($0) && $0.length == prefix.length }
                guard inside.count == 2 else { continue }
                prefixes.subtract(inside)
                prefixes.insert(parent)
                again = true
            }
        }
        return prefixes.filter { one in !prefixes.contains { $0 != one && $0.contains(one) } }.sorted(by: before)
    }

    /// The two neighbours with the most in common become one; nil where none may.
    private static func grown(_ prefixes: [InternetPrefix]) -> [InternetPrefix]? {
        var best: (index: Int, prefix: InternetPrefix)?
        for index in prefixes.indices.dropLast() {
            let (one, other) = (prefixes[index], prefixes[index + 1])
            guard one.address.family == other.address.family else { continue }
            let least = one.address.family == .v4 ? 16 : 48
            var length = min(one.length, other.length)
            while length >= least {
                if let common = InternetPrefix(one.address, length: length), common.contains(other) {
                    if best.map({ $0.prefix.length < length }) ?? true { best = (index, common) }
                    break
                }
                length -= 1
            }
        }
        guard let best else { return nil }
        var result = prefixes
        result.replaceSubrange(best.index...(best.index + 1), with: [best.prefix])
        return result
    }

    private static func before(_ one: InternetPrefix, _ other: InternetPrefix) -> Bool {
        let (a, b) = (one.address, other.address)
        if a.family != b.family { return a.family == .v4 }
        return (a.high, a.low, UInt64(one.length)) < (b.high, b.low, UInt64(other.length))
    }
}
