/// Prefixes that cover addresses, where the cluster does not say which there are.
enum SubnetCover {
    /// The /24 (IPv4) or the address itself (IPv6) of each pod, sorted, each once.
    static func pods(_ addresses: some Sequence<String>) -> [String] {
        Set(addresses.compactMap { v4($0, octets: 3) ?? ($0.contains(":") ? $0 + "/128" : nil) }).sorted()
    }

    /// The /16 (IPv4) or /112 (IPv6) around the address of the API server's service.
    static func services(_ address: String) -> [String] {
        if let subnet = v4(address, octets: 2) { return [subnet] }
        guard let colon = address.lastIndex(of: ":") else { return [] }
        // The last group is the host's part; `a::b` keeps its `::`.
        let start = address[...colon]
        return [(start.hasSuffix("::") ? String(start) : String(start) + "0") + "/112"]
    }

    private static func v4(_ address: String, octets: Int) -> String? {
        let parts = address.split(separator: ".", omittingEmptySubsequences: false)
        guard parts.count == 4, parts.allSatisfy({ UInt8($0) != nil }) else { return nil }
        let kept = parts.prefix(octets) + Array(repeating: "0", count: 4 - octets)
        return kept.joined(separator: ".") + "/\(octets * 8)"
    }
}
