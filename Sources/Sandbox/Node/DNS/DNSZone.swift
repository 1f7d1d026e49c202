/// All names of the cluster, and the answers to questions about them: a pure function of Services, endpoints and pods.
///
/// Follows the Kubernetes DNS specification 1.1.0: `SERVICE.NAMESPACE.svc.DOMAIN`, `_PORT._PROTOCOL.…` (SRV), records per
/// endpoint of headless Services, `A-B-C-D.NAMESPACE.pod.DOMAIN`, reverse names. There is no forwarding: names outside the
/// cluster are answered with SERVFAIL, as a cluster whose upstream is dead would, except that they do not wait.
struct DNSZone: Sendable {
    /// The cluster's domain.
    let domain: String
    private var records: [String: [DNSRecord]] = [:]
    /// Every name that exists, also those that only have names below them.
    private var names: Set<String> = []

    /// An empty zone.
    init(domain: String = "cluster.local") {
        self.domain = domain
        self.insert(domain)
        for part in ["svc", "pod"] { self.insert("\(part).\(domain)") }
    }

    private mutating func insert(_ name: String) {
        var rest = name[...]
        while !rest.isEmpty, self.names.insert(String(rest)).inserted, rest != self.domain[...],
            let dot = rest.firstIndex(of: ".")
        {
            rest = rest[rest.index(after: dot)...]
        }
    }

    /// Adds a record.
    mutating func add(_ name: String, _ record: DNSRecord) {
        let name = name.lowercased()
        self.insert(name)
        if self.records[name]?.contains(record) != true { self.records[name, default: []].append(record) }
    }

    /// Adds a namespace, so that names in it are NXDOMAIN rather than the namespace itself.
    mutating func add(namespace: String) {
        self.insert("\(namespace).svc.\(self.domain)")
        self.insert("\(namespace).pod.\(self.domain)")
    }

    /// The reverse name of an address.
    static func reverse(_ address: UInt32) -> String {
        "\(address & 0xFF).\(address >> 8 & 0xFF).\(address >> 16 & 0xFF).\(address >> 24).in-addr.arpa"
    }

    // MARK: Answering

    /// The answer to a query; nil when it is none and gets no answer.
    ///
    /// `limit` is the most bytes that the transport takes; what does not fit is left away and TC set.
    func answer(_ query: [UInt8], limit: Int) -> [UInt8]? {
        guard query.count >= 12, query[2] & 0x80 == 0 else { return nil }
        let operation = query[2] >> 3 & 15
        var offset = 12
        guard operation == 0, query[4] == 0, query[5] == 1, let name = DNSName.read(query, &offset),
            offset + 4 <= query.count
        else {
            // Not implemented, or a format error.
            return Self.message(
                query,
                question: [],
                code: operation == 0 ? 1 : 4,
                answers: [],
                authority: nil,
                edns: nil
            )
        }
        let type = UInt16(query[offset]) << 8 | UInt16(query[offset + 1])
        let question = Array(query[12..<(offset + 4)])
        let edns = Self.extended(query, offset + 4)
        let limit = max(512, min(limit, edns ?? (limit > 512 && limit < 65535 ? 512 : limit)))
        let (code, answers) = self.look(name, type)
        let zone = self.zone(of: name)
        let authority = code != 5 && code != 2 && answers.isEmpty ? zone : nil
        let whole = Self.message(
            query,
            question: question,
            code: code,
            answers: answers,
            authority: authority,
            edns: edns
        )
        if whole.count <= limit { return whole }
        var short = Self.message(query, question: question, code: code, answers: [], authority: nil, edns: edns)
        short[2] |= 0x02
        return short
    }

    /// The zone that a name belongs to; nil for names outside the cluster.
    private func zone(of name: String) -> String? {
        if name == self.domain || name.hasSuffix("." + self.domain) { return self.domain }
        for reverse in ["244.10.in-addr.arpa", "96.10.in-addr.arpa"]
        where name == reverse || name.hasSuffix("." + reverse) {
            return reverse
        }
        return nil
    }

    private func look(_ name: String, _ type: UInt16) -> (code: UInt8, answers: [(String, DNSRecord)]) {
        guard self.zone(of: name) != nil else { return (2, []) }
        var found = self.records[name] ?? []
        if found.isEmpty, let address = self.podAddress(name) { found = [.address(address)] }
        if found.isEmpty { return (self.names.contains(name) ? 0 : 3, []) }
        let matching = found.filter { type == 255 || $0.type == type }
        if !matching.isEmpty { return (0, matching.shuffled().map { (name, $0) }) }
        // An alias answers for every type; its target is in the same answer when we know it.
        guard case .alias(let target)? = found.first(where: { $0.type == 5 }) else { return (0, []) }
        let rest = self.records[target.lowercased()]?.filter { $0.type == type }.map { (target, $0) } ?? []
        return (0, [(name, .alias(target))] + rest)
    }

    /// `10-244-0-5.NAMESPACE.pod.DOMAIN` says its address itself.
    private func podAddress(_ name: String) -> UInt32? {
        guard name.hasSuffix(".pod.\(self.domain)") else { return nil }
        let labels = name.dropLast(self.domain.utf8.count + 5).split(separator: ".")
        guard labels.count == 2, self.names.contains("\(labels[1]).pod.\(self.domain)") else { return nil }
        let parts = labels[0].split(separator: "-", omittingEmptySubsequences: false)
        guard parts.count == 4 else { return nil }
        var address: UInt32 = 0
        for part in parts {
            guard let value = UInt8(part) else { return nil }
            address = address << 8 | UInt32(value)
        }
        return address
    }

    // MARK: Messages

    private static func message(
        _ query: [UInt8],
        question: [UInt8],
        code: UInt8,
        answers: [(name: String, record: DNSRecord)],
        authority: String?,
        edns: Int?
    ) -> [UInt8] {
        // QR, the query's opcode and RD, AA, RA as CoreDNS sets it.
        var bytes = [query[0], query[1], 0x84 | query[2] & 0x79, 0x80 | code]
        for count in [question.isEmpty ? 0 : 1, answers.count, authority == nil ? 0 : 1, edns == nil ? 0 : 1] {
            bytes += [UInt8(count >> 8 & 0xFF), UInt8(count & 0xFF)]
        }
        bytes += question
        let asked = question.isEmpty ? nil : Array(question.dropLast(4))
        for (name, record) in answers { Self.append(&bytes, name, record, 5, asked) }
        if let authority { Self.append(&bytes, authority, .authority(authority), 5, asked) }
        if edns != nil { bytes += [0, 0, 41, 0x10, 0, 0, 0, 0, 0, 0, 0] }
        return bytes
    }

    private static func append(
        _ bytes: inout [UInt8],
        _ name: String,
        _ record: DNSRecord,
        _ seconds: UInt8,
        _ asked: [UInt8]?
    ) {
        let encoded = DNSName.bytes(name)
        // The asked name again is two bytes; comparing lower-cased, as the asker's spelling may differ.
        if let asked, asked.map(Self.lower) == encoded { bytes += [0xC0, 0x0C] } else { bytes += encoded }
        let data = record.data
        bytes += [0, UInt8(record.type), 0, 1, 0, 0, 0, seconds, UInt8(data.count >> 8), UInt8(data.count & 0xFF)]
        bytes += data
    }

    private static func lower(_ byte: UInt8) -> UInt8 { (65...90).contains(byte) ? byte + 32 : byte }

    /// The size that the asker takes by EDNS (RFC 6891); nil when it does not speak it.
    private static func extended(_ query: [UInt8], _ start: Int) -> Int? {
        var offset = start
        let counts = [6, 8, 10].map { Int(query[$0]) << 8 | Int(query[$0 + 1]) }
        for _ in 0..<min(counts.reduce(0, +), 32) {
            guard DNSName.read(query, &offset) != nil, offset + 10 <= query.count else { return nil }
            let type = Int(query[offset]) << 8 | Int(query[offset + 1])
            if type == 41 { return Int(query[offset + 2]) << 8 | Int(query[offset + 3]) }
            offset += 10 + (Int(query[offset + 8]) << 8 | Int(query[offset + 9]))
            guard offset <= query.count else { return nil }
        }
        return nil
    }
}
