package import Cluster

/// Which labels an object must have.
package struct LabelSelector: Sendable, Equatable {
    /// One condition on one label.
    package enum Requirement: Sendable, Equatable {
        case isOneOf(key: String, values: Set<String>)
        case isNoneOf(key: String, values: Set<String>)
        case exists(key: String)
        case isAbsent(key: String)
    }

    /// All must hold.
    package let requirements: [Requirement]
    private let nothing: Bool

    /// Selects what meets all requirements.
    package init(_ requirements: [Requirement]) {
        self.requirements = requirements
        self.nothing = false
    }

    private init(nothing: Bool) {
        self.requirements = []
        self.nothing = nothing
    }

    /// Selects every object.
    package static let everything = LabelSelector([])
    /// Selects no object: what an absent selector in a Service or a budget means.
    package static let none = LabelSelector(nothing: true)

    /// Reads the plain map that Services and old selectors use; nil or an empty map selects nothing.
    package init(map: JSONValue?) {
        let values = map?.object?.compactMapValues(\.string) ?? [:]
        guard !values.isEmpty else {
            self = .none
            return
        }
        self.init(values.map { .isOneOf(key: $0.key, values: [$0.value]) })
    }

    /// Reads `{matchLabels, matchExpressions}`; nil selects nothing, an empty object everything.
    package init(_ value: JSONValue?) {
        guard let value, value != .null else {
            self = .none
            return
        }
        var requirements: [Requirement] = value.texts("matchLabels").map { .isOneOf(key: $0.key, values: [$0.value]) }
        for expression in value.at("matchExpressions")?.array ?? [] {
            guard let key = expression.at("key")?.string else { continue }
            let values = Set(expression.at("values")?.array?.compactMap(\.string) ?? [])
            switch expression.at("operator")?.string {
            case "In": requirements.append(.isOneOf(key: key, values: values))
            case "NotIn": requirements.append(.isNoneOf(key: key, values: values))
            case "Exists": requirements.append(.exists(key: key))
            case "DoesNotExist": requirements.append(.isAbsent(key: key))
            default: requirements.append(.isOneOf(key: key, values: []))
            }
        }
        self.init(requirements)
    }

    /// Reads the form of the `labelSelector` query: `a=b,c!=d,e in (f,g),h,!i`.
    package init(query: String) throws(StatusError) {
        var requirements: [Requirement] = []
        for part in Self.split(query) {
            let text = part.trimmed
            if text.isEmpty { continue }
            requirements.append(try Self.requirement(text))
        }
        self.init(requirements)
    }

    /// Whether labels meet all requirements.
    package func matches(_ labels: [String: String]) -> Bool {
        if self.nothing { return false }
        return self.requirements.allSatisfy { requirement in
            switch requirement {
            case .isOneOf(let key, let values): labels[key].map(values.contains) ?? false
            case .isNoneOf(let key, let values): labels[key].map { !values.contains($0) } ?? true
            case .exists(let key): labels[key] != nil
            case .isAbsent(let key): labels[key] == nil
            }
        }
    }

    /// Whether an object's labels meet all requirements.
    package func matches(_ object: JSONValue) -> Bool {
        if self.requirements.isEmpty { return !self.nothing }
        return self.matches(object.labels)
    }

    private static func split(_ query: String) -> [Substring] {
        var parts: [Substring] = []
        var depth = 0
        var start = query.startIndex
        for index in query.indices {
            switch query[index] {
            case "(": depth += 1
            case ")": depth -= 1
            case "," where depth == 0:
                parts.append(query[start..<index])
                start = query.index(after: index)
            default: break
            }
        }
        parts.append(query[start...])
        return parts
    }

    private static func requirement(_ text: Substring) throws(StatusError) -> Requirement {
        if let open = text.firstIndex(of: "("), text.last == ")" {
            let values = Set(
                text[text.index(after: open)...].dropLast().split(separator: ",", omittingEmptySubsequences: false)
                    .map { String($0.trimmed) }
            )
            let head = text[..<open].split(separator: " ")
            if head.count == 2, head[1] == "in" { return .isOneOf(key: String(head[0]), values: values) }
            if head.count == 2, head[1] == "notin" { return .isNoneOf(key: String(head[0]), values: values) }
        } else if text.first == "!" {
            return .isAbsent(key: try self.key(text.dropFirst().trimmed, in: text))
        } else if let equals = text.firstIndex(of: "=") {
            var key = text[..<equals]
            var value = text[text.index(after: equals)...]
            if value.first == "=" { value = value.dropFirst() }
            let negated = key.last == "!"
            if negated { key = key.dropLast() }
            let name = try self.key(key.trimmed, in: text)
            let values: Set<String> = [String(value.trimmed)]
            return negated ? .isNoneOf(key: name, values: values) : .isOneOf(key: name, values: values)
        } else {
            return .exists(key: try self.key(text, in: text))
        }
        throw .badRequest("unable to parse requirement: \"\(text)\"")
    }

    private static func key(_ key: Substring, in text: Substring) throws(StatusError) -> String {
        let legal = key.utf8.allSatisfy {
            (48...57).contains($0) || (65...90).contains($0) || (97...122).contains($0) || $0 == 45 || $0 == 46
                || $0 == 47 || $0 == 95
        }
        guard legal, !key.isEmpty else { throw .badRequest("unable to parse requirement: \"\(text)\"") }
        return String(key)
    }
}

extension Substring {
    /// Without spaces at either end.
    var trimmed: Substring {
        var text = self
        while text.first == " " { text.removeFirst() }
        while text.last == " " { text.removeLast() }
        return text
    }
}
