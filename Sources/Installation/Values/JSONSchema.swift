internal import Cluster

/// A JSON schema of the kind that `k8s/values.schema.json` is, and what it finds wrong.
///
/// Knows the keywords `type`, `properties`, `additionalProperties`, `items`, `enum`, `pattern`, `minimum`, `maximum`, `maxLength`,
/// `uniqueItems` and the ones that only describe. Any other keyword is refused when the schema is read: nothing in it is silently
/// passed over.
struct JSONSchema: Sendable {
    /// Something that is not as the schema wants it.
    struct Violation: Hashable, CustomStringConvertible {
        let path: ValuePath
        /// What is wrong and what would be right.
        let problem: String

        var description: String { path.steps.isEmpty ? problem : "\(path): \(problem)" }
    }

    private static let known: Set<String> = [
        "$schema", "title", "description", "examples", "default",
        "type", "properties", "additionalProperties", "items", "enum", "pattern", "minimum", "maximum", "maxLength",
        "uniqueItems",
    ]

    private let root: JSONValue

    /// Reads a schema.
    ///
    /// - Throws: ``InstallationError`` for a keyword that this validator does not know.
    init(_ json: JSONValue) throws(InstallationError) {
        try Self.check(json, ValuePath())
        root = json
    }

    /// All that is wrong with a value, in order of the places.
    func violations(_ value: JSONValue) -> [Violation] {
        var violations: [Violation] = []
        Self.validate(value, root, ValuePath(), &violations)
        return violations
    }

    private static func check(_ schema: JSONValue, _ path: ValuePath) throws(InstallationError) {
        guard let members = schema.object else {
            throw InstallationError(.invalid, "the schema of '\(path)' is no mapping")
        }
        for name in members.keys.sorted() where !known.contains(name) {
            throw InstallationError(.invalid, "the schema of '\(path)' has the unknown keyword '\(name)'")
        }
        if let pattern = members["pattern"]?.string, (try? Regex(pattern)) == nil {
            throw InstallationError(.invalid, "the schema of '\(path)' has a pattern that is none: \(pattern)")
        }
        for (name, property) in (members["properties"]?.object ?? [:]).sorted(by: { $0.key < $1.key }) {
            try check(property, path.appending(.name(name)))
        }
        if let items = members["items"] { try check(items, path.appending(.index(0))) }
        if let others = members["additionalProperties"], others.bool == nil {
            try check(others, path.appending(.name("*")))
        }
    }

    private static func validate(
        _ value: JSONValue,
        _ schema: JSONValue,
        _ path: ValuePath,
        _ violations: inout [Violation]
    ) {
        func wrong(_ problem: String) { violations.append(Violation(path: path, problem: problem)) }
        let types = schema["type"]?.string.map { [$0] } ?? schema["type"]?.stringArray ?? []
        if !types.isEmpty, !types.contains(where: { matches(value, type: $0) }) {
            let wanted = types.map { typeNames[$0] ?? $0 }.joined(separator: " or ")
            wrong("\(shown(value)) is not \(wanted)")
            return
        }
        if let choices = schema["enum"]?.array, !choices.contains(value) {
            wrong("\(shown(value)) is not one of \(choices.map { $0.string ?? $0.text }.joined(separator: ", "))")
        }
        switch value {
        case .object(let members): validate(members, schema, path, &violations)
        case .array(let elements):
            for (index, element) in elements.enumerated() {
                if let items = schema["items"] { validate(element, items, path.appending(.index(index)), &violations) }
            }
            if schema["uniqueItems"]?.bool == true, Set(elements).count < elements.count {
                wrong("an element is there twice")
            }
        case .string(let text):
            if let pattern = schema["pattern"]?.string, let regex = try? Regex(pattern),
                (try? regex.wholeMatch(in: text)) == nil
            {
                let examples = (schema["examples"]?.array ?? []).map { $0.string ?? $0.text }
                let such = examples.isEmpty ? "" : ", such as \(examples.joined(separator: " or "))"
                wrong("'\(text)' does not match \(pattern)\(such)")
            }
            if let limit = schema["maxLength"]?.int, text.count > limit {
                wrong("is longer than \(limit) characters")
            }
        case .integer, .number:
            guard let number = value.double else { return }
            if let least = schema["minimum"]?.double, number < least {
                wrong("\(value) is less than \(schema["minimum"] ?? 0)")
            }
            if let most = schema["maximum"]?.double, number > most {
                wrong("\(value) is more than \(schema["maximum"] ?? 0)")
            }
        default: break
        }
    }

    private static func validate(
        _ members: [String: JSONValue],
        _ schema: JSONValue,
        _ path: ValuePath,
        _ violations: inout [Violation]
    ) {
        let properties = schema["properties"]?.object ?? [:]
        for (name, member) in members.sorted(by: { $0.key < $1.key }) {
            let place = path.appending(.name(name))
            if let property = properties[name] {
                validate(member, property, place, &violations)
            } else if let others = schema["additionalProperties"] {
                if others.bool == false {
                    violations.append(Violation(path: place, problem: unknown(name, properties.keys.sorted())))
                } else if others.object != nil {
                    validate(member, others, place, &violations)
                }
            }
        }
    }

    private static func unknown(_ name: String, _ known: [String]) -> String {
        let nearest = known.min { distance(name, $0) < distance(name, $1) }
        if let nearest, distance(name, nearest) <= max(2, name.count / 3) {
            return "there is no such value; did you mean '\(nearest)'?"
        }
        return "there is no such value; there are \(known.joined(separator: ", "))"
    }

    /// How many letters have to be changed, added or left out; case does not count.
    private static func distance(_ left: String, _ right: String) -> Int {
        let (left, right) = (Array(left.lowercased().prefix(64)), Array(right.lowercased().prefix(64)))
        var row = Array(0...right.count)
        for (i, letter) in left.enumerated() {
            var previous = row[0]
            row[0] = i + 1
            for (j, other) in right.enumerated() {
                let changed = previous + (letter == other ? 0 : 1)
                previous = row[j + 1]
                row[j + 1] = min(changed, row[j + 1] + 1, row[j] + 1)
            }
        }
        return row[right.count]
    }

    private static let typeNames = [
        "string": "text", "integer": "a whole number", "number": "a number", "boolean": "true or false",
        "array": "a list", "object": "a mapping", "null": "null",
    ]

    private static func matches(_ value: JSONValue, type: String) -> Bool {
        switch (value, type) {
        case (.string, "string"), (.bool, "boolean"), (.array, "array"), (.object, "object"), (.null, "null"): true
        case (.integer, "number"), (.number, "number"): true
        case (.integer, "integer"): true
        case (.number, "integer"): value.integer != nil
        default: false
        }
    }

    private static func shown(_ value: JSONValue) -> String {
        switch value {
        case .string(let text): "'\(text)'"
        case .object: "a mapping"
        case .array: "a list"
        default: value.text
        }
    }
}
