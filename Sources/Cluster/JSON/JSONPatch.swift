/// A JSON patch (RFC 6902): built by the injector, applied by tests and by the sandbox's API server.
package struct JSONPatch: Sendable, Hashable {
    /// One step of a patch.
    package enum Operation: Sendable, Hashable {
        case add(JSONPointer, JSONValue)
        case remove(JSONPointer)
        case replace(JSONPointer, JSONValue)
        case move(from: JSONPointer, to: JSONPointer)
        case copy(from: JSONPointer, to: JSONPointer)
        case test(JSONPointer, JSONValue)
    }

    /// Why a patch could not be read or applied.
    package struct Failure: Error, Sendable, Hashable, CustomStringConvertible {
        /// The operation's place in the patch, from 0.
        package let index: Int
        /// What was wrong, in words.
        package let problem: String

        package var description: String { "JSON patch, operation \(index): \(problem)" }
    }

    package var operations: [Operation]

    package init(_ operations: [Operation] = []) {
        self.operations = operations
    }

    /// Whether it changes nothing.
    package var isEmpty: Bool { operations.isEmpty }

    /// The patch as RFC 6902 writes it.
    package var json: JSONValue {
        .array(
            operations.map { operation in
                switch operation {
                case .add(let path, let value):
                    ["op": "add", "path": .string(path.escaped), "value": value]
                case .remove(let path):
                    ["op": "remove", "path": .string(path.escaped)]
                case .replace(let path, let value):
                    ["op": "replace", "path": .string(path.escaped), "value": value]
                case .move(let from, let path):
                    ["op": "move", "from": .string(from.escaped), "path": .string(path.escaped)]
                case .copy(let from, let path):
                    ["op": "copy", "from": .string(from.escaped), "path": .string(path.escaped)]
                case .test(let path, let value):
                    ["op": "test", "path": .string(path.escaped), "value": value]
                }
            }
        )
    }

    /// Reads a patch as RFC 6902 writes it.
    package init(json: JSONValue) throws(Failure) {
        guard let elements = json.array else { throw Failure(index: 0, problem: "a JSON patch is an array") }
        var operations: [Operation] = []
        for (index, element) in elements.enumerated() {
            func pointer(_ name: String) throws(Failure) -> JSONPointer {
                guard let text = element[name]?.string, let pointer = JSONPointer(escaped: text) else {
                    throw Failure(index: index, problem: "'\(name)' must be a JSON pointer")
                }
                return pointer
            }
            func value() throws(Failure) -> JSONValue {
                guard let value = element["value"] else { throw Failure(index: index, problem: "'value' is missing") }
                return value
            }
            switch element["op"]?.string {
            case "add": operations.append(.add(try pointer("path"), try value()))
            case "remove": operations.append(.remove(try pointer("path")))
            case "replace": operations.append(.replace(try pointer("path"), try value()))
            case "move": operations.append(.move(from: try pointer("from"), to: try pointer("path")))
            case "copy": operations.append(.copy(from: try pointer("from"), to: try pointer("path")))
            case "test": operations.append(.test(try pointer("path"), try value()))
            case let other: throw Failure(index: index, problem: "unknown operation '\(other ?? "")'")
            }
        }
        self.operations = operations
    }

    /// The value after the patch; all operations or none.
    package func applied(to value: JSONValue) throws(Failure) -> JSONValue {
        var result = value
        for (index, operation) in operations.enumerated() {
            do throws(PatchProblem) {
                switch operation {
                case .add(let path, let value):
                    try result.set(value, at: path.tokens[...], mode: .add)
                case .remove(let path):
                    _ = try result.remove(at: path.tokens[...])
                case .replace(let path, let value):
                    try result.set(value, at: path.tokens[...], mode: .replace)
                case .move(let from, let path):
                    let moved = try result.remove(at: from.tokens[...])
                    try result.set(moved, at: path.tokens[...], mode: .add)
                case .copy(let from, let path):
                    guard let copied = result[from] else { throw PatchProblem(text: "nothing at '\(from.escaped)'") }
                    try result.set(copied, at: path.tokens[...], mode: .add)
                case .test(let path, let value):
                    guard result[path] == value else {
                        throw PatchProblem(text: "the value at '\(path.escaped)' differs")
                    }
                }
            } catch {
                throw Failure(index: index, problem: error.text)
            }
        }
        return result
    }
}

private struct PatchProblem: Error {
    let text: String
}

private enum PatchMode {
    case add
    case replace
}

extension JSONValue {
    fileprivate mutating func set(
        _ value: JSONValue,
        at path: ArraySlice<String>,
        mode: PatchMode
    ) throws(PatchProblem) {
        guard let token = path.first else {
            self = value
            return
        }
        let rest = path.dropFirst()
        switch self {
        case .object(var members):
            if rest.isEmpty {
                guard mode == .add || members[token] != nil else { throw PatchProblem(text: "no member '\(token)'") }
                members[token] = value
            } else {
                guard var member = members[token] else { throw PatchProblem(text: "no member '\(token)'") }
                try member.set(value, at: rest, mode: mode)
                members[token] = member
            }
            self = .object(members)
        case .array(var elements):
            if rest.isEmpty, mode == .add {
                guard let index = token == "-" ? elements.count : Self.arrayIndex(token), index <= elements.count else {
                    throw PatchProblem(text: "no place '\(token)' in an array of \(elements.count)")
                }
                elements.insert(value, at: index)
            } else {
                guard let index = Self.arrayIndex(token), index < elements.count else {
                    throw PatchProblem(text: "no element '\(token)' in an array of \(elements.count)")
                }
                try elements[index].set(value, at: rest, mode: mode)
            }
            self = .array(elements)
        default: throw PatchProblem(text: "'\(token)' is sought in a value that holds nothing")
        }
    }

    fileprivate mutating func remove(at path: ArraySlice<String>) throws(PatchProblem) -> JSONValue {
        guard let token = path.first else {
            defer { self = .null }
            return self
        }
        let rest = path.dropFirst()
        switch self {
        case .object(var members):
            guard var member = members[token] else { throw PatchProblem(text: "no member '\(token)'") }
            defer { self = .object(members) }
            guard !rest.isEmpty else {
                members[token] = nil
                return member
            }
            let removed = try member.remove(at: rest)
            members[token] = member
            return removed
        case .array(var elements):
            guard let index = Self.arrayIndex(token), index < elements.count else {
                throw PatchProblem(text: "no element '\(token)' in an array of \(elements.count)")
            }
            defer { self = .array(elements) }
            return rest.isEmpty ? elements.remove(at: index) : try elements[index].remove(at: rest)
        default: throw PatchProblem(text: "'\(token)' is sought in a value that holds nothing")
        }
    }

    /// The value after a merge patch (RFC 7396): null removes a member, objects merge, all else replaces.
    package func merged(with patch: JSONValue) -> JSONValue {
        guard case .object(let changes) = patch else { return patch }
        var members = object ?? [:]
        for (name, change) in changes {
            members[name] = change.isNull ? nil : (members[name] ?? .null).merged(with: change)
        }
        return .object(members)
    }
}
