import Cluster

/// Strategic merge patch: a merge patch that knows which lists are maps by key.
///
/// Takes the directives `$patch` (replace, delete, merge), `$retainKeys`, `$setElementOrder/LIST` and
/// `$deleteFromPrimitiveList/LIST`.
enum StrategicMerge {
    /// The object with the patch applied.
    static func apply(_ patch: JSONValue, to value: JSONValue) throws(StatusError) -> JSONValue {
        guard case .object(let fields) = patch else { throw .badRequest("a strategic merge patch has to be an object") }
        return .object(try self.merge(fields, into: value.object ?? [:], path: []))
    }

    private static func merge(
        _ patch: [String: JSONValue],
        into original: [String: JSONValue],
        path: [String]
    ) throws(StatusError) -> [String: JSONValue] {
        var result = original
        switch patch["$patch"]?.string {
        case "replace":
            var replacement = patch
            replacement["$patch"] = nil
            return replacement
        case "delete": return [:]
        case nil, "merge": break
        case .some(let other): throw .badRequest("unknown patch type \"\(other)\" in a strategic merge patch")
        }
        if let retained = patch["$retainKeys"]?.array {
            let names = Set(retained.compactMap(\.string))
            result = result.filter { names.contains($0.key) }
        }
        for (name, value) in patch where !name.hasPrefix("$") {
            let inner = path + [name]
            switch value {
            case .null: result[name] = nil
            case .object(let fields):
                if fields["$patch"]?.string == "delete" {
                    result[name] = nil
                } else {
                    result[name] = .object(try self.merge(fields, into: result[name]?.object ?? [:], path: inner))
                }
            case .array(let elements):
                result[name] = .array(
                    try self.merge(
                        elements,
                        into: result[name]?.array ?? [],
                        order: patch["$setElementOrder/\(name)"]?.array,
                        path: inner
                    )
                )
            default: result[name] = value
            }
        }
        for (name, value) in patch {
            if let list = name.suffix(after: "$deleteFromPrimitiveList/") {
                let gone = value.array ?? []
                if let present = result[list]?.array {
                    result[list] = .array(present.filter { !gone.contains($0) })
                }
            } else if let list = name.suffix(after: "$setElementOrder/"), patch[list] == nil,
                let present = result[list]?.array
            {
                result[list] = .array(self.sort(present, by: value.array ?? [], path: path + [list]))
            }
        }
        return result
    }

    private static func merge(
        _ patch: [JSONValue],
        into original: [JSONValue],
        order: [JSONValue]?,
        path: [String]
    ) throws(StatusError) -> [JSONValue] {
        let replaces = patch.contains { $0.at("$patch")?.string == "replace" }
        switch ListSchema.strategic(path) {
        case .atomic: return patch.filter { $0.at("$patch") == nil }
        case .set:
            var result = original
            for element in patch where !result.contains(element) { result.append(element) }
            return order.map { self.sort(result, by: $0, path: path) } ?? result
        case .map(let keys):
            if replaces { return patch.filter { $0.at("$patch")?.string != "replace" } }
            var result = original
            for element in patch {
                guard case .object(let fields) = element else {
                    throw .badRequest("\(path.joined(separator: ".")): elements must be objects")
                }
                guard let id = ListKey(element, keys) else {
                    throw .badRequest(
                        "map: \(element.text) does not contain declared merge key: \(keys.joined(separator: ","))"
                    )
                }
                let index = result.firstIndex { ListKey($0, keys) == id }
                if fields["$patch"]?.string == "delete" {
                    result.removeAll { ListKey($0, keys) == id }
                } else if let index {
                    result[index] = .object(try self.merge(fields, into: result[index].object ?? [:], path: path))
                } else {
                    result.append(.object(try self.merge(fields, into: [:], path: path)))
                }
            }
            return order.map { self.sort(result, by: $0, path: path) } ?? result
        }
    }

    /// Puts elements in the order that the patch's author sees; what the author does not know stays behind its neighbour.
    private static func sort(_ elements: [JSONValue], by order: [JSONValue], path: [String]) -> [JSONValue] {
        let keys: [String]? = if case .map(let keys) = ListSchema.strategic(path) { keys } else { nil }
        func same(_ element: JSONValue, _ wanted: JSONValue) -> Bool {
            guard let keys else { return element == wanted }
            return ListKey(element, keys) == ListKey(wanted, keys)
        }
        var rest = elements
        var result: [JSONValue] = []
        for wanted in order {
            guard let index = rest.firstIndex(where: { same($0, wanted) }) else { continue }
            // Elements that only the server has keep their place before the next known one.
            for (offset, element) in rest[..<index].enumerated().reversed()
            where !order.contains(where: { same(element, $0) }) {
                rest.remove(at: offset)
                result.insert(element, at: result.count)
            }
            guard let moved = rest.firstIndex(where: { same($0, wanted) }) else { continue }
            result.append(rest.remove(at: moved))
        }
        return result + rest
    }
}

extension String {
    /// What follows a prefix, if it is there.
    func suffix(after prefix: String) -> String? {
        self.hasPrefix(prefix) ? String(self.dropFirst(prefix.count)) : nil
    }
}
