import Cluster

/// Writes a value as YAML in block style, its strings as JSON writes them, which every YAML reader takes.
enum YAMLText {
    /// The text, with a line break at its end.
    static func text(_ value: JSONValue) -> String {
        var text = ""
        write(value, indent: "", into: &text)
        return text
    }

    private static func write(_ value: JSONValue, indent: String, into text: inout String) {
        switch value {
        case .object(let members) where !members.isEmpty:
            for (name, member) in members.sorted(by: { $0.key < $1.key }) {
                text += indent + key(name) + ":"
                nest(member, indent: indent + "  ", into: &text)
            }
        case .array(let elements) where !elements.isEmpty:
            for element in elements {
                text += indent + "-"
                var inner = ""
                if isNested(element) {
                    write(element, indent: indent + "  ", into: &inner)
                    text += " " + inner.dropFirst(indent.count + 2)
                } else {
                    text += " \(element.text)\n"
                }
            }
        default: text += indent + value.text + "\n"
        }
    }

    private static func nest(_ value: JSONValue, indent: String, into text: inout String) {
        guard isNested(value) else {
            text += " \(value.text)\n"
            return
        }
        text += "\n"
        write(value, indent: indent, into: &text)
    }

    private static func isNested(_ value: JSONValue) -> Bool {
        switch value {
        case .object(let members): !members.isEmpty
        case .array(let elements): !elements.isEmpty
        default: false
        }
    }

    /// A name as it is where it reads as one, else in quotes.
    private static func key(_ name: String) -> String {
        let plain =
            name.first.map { $0.isASCII && $0.isLetter } == true
            && name.allSatisfy { $0.isASCII && ($0.isLetter || $0.isNumber || "-_./".contains($0)) }
            && !["true", "false", "null", "yes", "no", "on", "off", "y", "n"].contains(name.lowercased())
        return plain ? name : JSONValue.string(name).text
    }
}
