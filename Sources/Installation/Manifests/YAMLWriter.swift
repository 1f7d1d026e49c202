internal import Cluster

/// Writes JSON values as YAML that people read and kubectl takes.
struct YAMLWriter {
    private var text = ""

    /// Several documents, separated as kubectl wants them.
    static func documents(_ values: [JSONValue]) -> String {
        values.map { value in
            var writer = YAMLWriter()
            writer.block(value, indent: 0, inList: false)
            return writer.text
        }.joined(separator: "---\n")
    }

    /// Writes a mapping or a list from the beginning of a line; `inList` when the line has its `- ` already.
    private mutating func block(_ value: JSONValue, indent: Int, inList: Bool) {
        switch value {
        case .object(let members) where !members.isEmpty:
            var first = inList
            for name in Self.order(members.keys) {
                guard let member = members[name] else { continue }
                if !first { pad(indent) }
                first = false
                text += Self.quoted(name) + ":"
                nested(member, indent: indent)
            }
        case .array(let elements) where !elements.isEmpty:
            var first = inList
            for element in elements {
                if !first { pad(indent) }
                first = false
                text += "- "
                if Self.isFlat(element) {
                    text += Self.flat(element) + "\n"
                } else {
                    block(element, indent: indent + 2, inList: true)
                }
            }
        default: text += Self.flat(value) + "\n"
        }
    }

    private mutating func nested(_ value: JSONValue, indent: Int) {
        guard !Self.isFlat(value) else {
            text += " " + Self.flat(value) + "\n"
            return
        }
        text += "\n"
        if case .array = value {
            // Lists stand below their name, not behind it, as kubectl writes them.
            block(value, indent: indent, inList: false)
        } else {
            block(value, indent: indent + 2, inList: false)
        }
    }

    private mutating func pad(_ count: Int) { text += String(repeating: " ", count: count) }

    private static func isFlat(_ value: JSONValue) -> Bool {
        switch value {
        case .object(let members): members.isEmpty
        case .array(let elements): elements.isEmpty
        default: true
        }
    }

    private static func flat(_ value: JSONValue) -> String {
        guard case .string(let string) = value else { return value.text }
        return quoted(string)
    }

    /// The string as it is where it can be nothing but a string, else in quotes; JSON's quoting is YAML's too.
    private static func quoted(_ string: String) -> String {
        let plain = string.utf8.allSatisfy { byte in
            switch byte {
            case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
                UInt8(ascii: "0")...UInt8(ascii: "9"):
                true
            default: "-_./:".utf8.contains(byte)
            }
        }
        let first = string.utf8.first ?? 0
        let letter =
            (UInt8(ascii: "a")...UInt8(ascii: "z")).contains(first)
            || (UInt8(ascii: "A")...UInt8(ascii: "Z")).contains(first) || first == UInt8(ascii: "/")
        let words: Set<String> = ["true", "false", "null", "yes", "no", "on", "off", "y", "n", "nan", "inf"]
        let reserved = words.contains(string.lowercased())
        if plain, letter, !reserved, !string.hasSuffix(":") { return string }
        return JSONValue.string(string).text
    }

    /// What an object is comes first, the rest in order of the names.
    private static func order(_ names: some Collection<String>) -> [String] {
        let leading = ["apiVersion", "kind", "metadata", "name", "namespace"]
        func rank(_ name: String) -> Int { leading.firstIndex(of: name) ?? leading.count }
        return names.sorted { (rank($0), $0) < (rank($1), $1) }
    }
}
