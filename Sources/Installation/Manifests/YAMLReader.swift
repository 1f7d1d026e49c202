internal import Cluster
internal import Yams

/// Reads YAML as JSON values, in the way of kubectl.
enum YAMLReader {
    /// The most that is read; more is no values file.
    private static let limit = 4 << 20
    private static let depth = 64

    /// All documents of a text; empty ones are left out.
    ///
    /// - Parameters:
    ///   - text: The YAML text.
    ///   - origin: The file, as messages name it.
    /// - Returns: A value per document.
    /// - Throws: ``InstallationError`` that names file and line.
    static func documents(_ text: String, origin: String) throws(InstallationError) -> [JSONValue] {
        guard text.utf8.count <= limit else {
            throw InstallationError(.invalid, "\(origin) is longer than \(limit >> 20) MiB")
        }
        var nodes: [Node] = []
        do {
            var sequence = try Yams.compose_all(yaml: text)
            while let node = sequence.next() { nodes.append(node) }
            // It just ends at what is wrong; a loop would ask a copy of it.
            if let error = sequence.error { throw error }
        } catch let error as YamlError {
            throw InstallationError(.invalid, "\(origin) is not YAML: \(error)".trimmedLines)
        } catch {
            throw InstallationError(.invalid, "\(origin) is not YAML: \(error)")
        }
        var values: [JSONValue] = []
        for node in nodes {
            let value = try value(node, origin: origin, depth: 0)
            if value != .null { values.append(value) }
        }
        return values
    }

    private static func value(_ node: Node, origin: String, depth: Int) throws(InstallationError) -> JSONValue {
        let place = node.mark.map { "\(origin), line \($0.line)" } ?? origin
        guard depth < Self.depth else { throw InstallationError(.invalid, "\(place): nested too deeply") }
        switch node {
        case .scalar(let scalar): return Self.scalar(scalar, node)
        case .sequence(let sequence):
            var elements: [JSONValue] = []
            for element in sequence { elements.append(try value(element, origin: origin, depth: depth + 1)) }
            return .array(elements)
        case .mapping(let mapping):
            var members: [String: JSONValue] = [:]
            for (key, member) in mapping {
                guard case .scalar(let name) = key else {
                    throw InstallationError(.invalid, "\(place): a key must be a word")
                }
                guard members[name.string] == nil else {
                    throw InstallationError(.invalid, "\(place): '\(name.string)' is there twice")
                }
                members[name.string] = try value(member, origin: origin, depth: depth + 1)
            }
            return .object(members)
        case .alias:
            throw InstallationError(.invalid, "\(place): aliases are not supported; write the value again")
        }
    }

    private static func scalar(_ scalar: Node.Scalar, _ node: Node) -> JSONValue {
        // What stands in quotes or blocks is text, whatever it looks like.
        guard scalar.style == .plain || scalar.style == .any else { return .string(scalar.string) }
        if node.null != nil { return .null }
        if let flag = node.bool { return .bool(flag) }
        if let number = node.int { return .integer(Int64(number)) }
        // Such as 1e3; but 1.2.3 is text.
        if let number = Double(scalar.string), number.isFinite { return .number(number) }
        return .string(scalar.string)
    }
}

extension String {
    /// Without empty lines at the end.
    fileprivate var trimmedLines: String {
        var text = Substring(self)
        while text.last?.isNewline == true { text = text.dropLast() }
        return String(text)
    }
}
