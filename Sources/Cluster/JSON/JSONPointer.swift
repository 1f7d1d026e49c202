/// A place inside a JSON value (RFC 6901).
package struct JSONPointer: Sendable, Hashable {
    /// The reference tokens, unescaped; none means the whole value.
    package var tokens: [String]

    package init(_ tokens: [String]) {
        self.tokens = tokens
    }

    package init(_ tokens: String...) {
        self.tokens = tokens
    }

    /// Reads the escaped form (`/metadata/annotations/example.org~1name`); nil when it neither is empty nor starts with `/`.
    package init?(escaped text: String) {
        guard !text.isEmpty else {
            self.tokens = []
            return
        }
        guard text.utf8.first == UInt8(ascii: "/") else { return nil }
        tokens = text.dropFirst().split(separator: "/", omittingEmptySubsequences: false).map(Self.unescape)
    }

    /// The escaped form, as patches carry it.
    package var escaped: String {
        tokens.map { "/" + Self.escape($0) }.joined()
    }

    /// The place one step deeper.
    package func appending(_ token: String) -> JSONPointer {
        JSONPointer(tokens + [token])
    }

    /// The element with this index.
    package func appending(_ index: Int) -> JSONPointer {
        appending(String(index))
    }

    private static func escape(_ token: String) -> String {
        var result = ""
        for character in token.unicodeScalars {
            switch character {
            case "~": result += "~0"
            case "/": result += "~1"
            default: result.unicodeScalars.append(character)
            }
        }
        return result
    }

    private static func unescape(_ token: Substring) -> String {
        var result = ""
        var tilde = false
        for character in token.unicodeScalars {
            if tilde {
                tilde = false
                switch character {
                case "0": result += "~"
                case "1": result += "/"
                default:
                    result += "~"
                    result.unicodeScalars.append(character)
                }
            } else if character == "~" {
                tilde = true
            } else {
                result.unicodeScalars.append(character)
            }
        }
        return tilde ? result + "~" : result
    }
}

extension JSONPointer: ExpressibleByStringLiteral {
    /// A place from its escaped form; a missing first `/` is supplied.
    package init(stringLiteral value: String) {
        self = JSONPointer(escaped: value) ?? JSONPointer(escaped: "/" + value) ?? JSONPointer([])
    }
}

extension JSONValue {
    /// The value at a place, nil when there is none.
    package subscript(pointer: JSONPointer) -> JSONValue? {
        var value = self
        for token in pointer.tokens {
            switch value {
            case .object(let members):
                guard let next = members[token] else { return nil }
                value = next
            case .array(let elements):
                guard let index = Self.arrayIndex(token), elements.indices.contains(index) else { return nil }
                value = elements[index]
            default: return nil
            }
        }
        return value
    }

    /// An array index as RFC 6901 writes it: digits without leading zeros.
    static func arrayIndex(_ token: String) -> Int? {
        guard !token.isEmpty, token.utf8.allSatisfy({ UInt8(ascii: "0")...UInt8(ascii: "9") ~= $0 }),
            token == "0" || token.utf8.first != UInt8(ascii: "0")
        else { return nil }
        return Int(token)
    }
}
