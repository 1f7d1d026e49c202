/// Whom the user acts as (`kubectl --as`).
package struct Impersonation: Sendable, Hashable {
    package var user: String
    package var groups: [String]
    package var uid: String?
    package var extra: [String: [String]]

    package init(user: String, groups: [String] = [], uid: String? = nil, extra: [String: [String]] = [:]) {
        self.user = user
        self.groups = groups
        self.uid = uid
        self.extra = extra
    }

    /// The request headers, names in lower case.
    package var headers: [(name: String, value: String)] {
        var headers = [(name: "impersonate-user", value: user)]
        headers += groups.map { (name: "impersonate-group", value: $0) }
        if let uid { headers.append((name: "impersonate-uid", value: uid)) }
        for (key, values) in extra.sorted(by: { $0.key < $1.key }) {
            headers += values.map { (name: "impersonate-extra-" + Self.escape(key), value: $0) }
        }
        return headers
    }

    /// Extra keys are written percent-encoded where a header name could not hold them.
    private static func escape(_ key: String) -> String {
        var result = ""
        for byte in key.lowercased().utf8 {
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "-"),
                UInt8(ascii: "_"), UInt8(ascii: "."):
                result.unicodeScalars.append(Unicode.Scalar(byte))
            default:
                let digits = String(byte, radix: 16, uppercase: true)
                result += "%" + (digits.count == 1 ? "0" : "") + digits
            }
        }
        return result
    }
}
