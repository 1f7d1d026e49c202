internal import Cluster
internal import Yams

/// A YAML node with the way to it: every wrong value is reported by file, line and field.
struct KubeconfigNode {
    /// The file that it is in.
    let origin: String
    /// The way to it, such as `users["dev"].exec`.
    let field: String
    let node: Node

    var line: Int? { node.mark?.line }

    func error(_ problem: String, remedy: String? = nil) -> KubeconfigError {
        KubeconfigError(
            origin: origin,
            line: line,
            field: field.isEmpty ? nil : field,
            problem: problem,
            remedy: remedy
        )
    }

    private var isNull: Bool {
        guard case .scalar(let scalar) = node else { return false }
        return scalar.style == .plain && ["", "~", "null", "Null", "NULL"].contains(scalar.string)
    }

    /// A member of a mapping; nil when it is absent or null.
    func member(_ name: String) throws(KubeconfigError) -> KubeconfigNode? {
        if isNull { return nil }
        guard case .mapping(let mapping) = node else { throw error("must be a mapping") }
        for (key, value) in mapping {
            guard case .scalar(let scalar) = key, scalar.string == name else { continue }
            let child = KubeconfigNode(origin: origin, field: field.isEmpty ? name : "\(field).\(name)", node: value)
            return child.isNull ? nil : child
        }
        return nil
    }

    /// A member that must be a string; nil when absent or empty.
    func text(_ name: String) throws(KubeconfigError) -> String? {
        guard let child = try member(name) else { return nil }
        guard case .scalar(let scalar) = child.node else { throw child.error("must be a string") }
        return scalar.string.isEmpty ? nil : scalar.string
    }

    /// A member that must be true or false; false when absent.
    func flag(_ name: String) throws(KubeconfigError) -> Bool {
        guard let child = try member(name) else { return false }
        guard case .scalar(let scalar) = child.node else { throw child.error("must be true or false") }
        switch scalar.string.lowercased() {
        case "true": return true
        case "false": return false
        default: throw child.error("must be true or false, not '\(scalar.string)'")
        }
    }

    /// A member that must be a list; empty when absent.
    func list(_ name: String) throws(KubeconfigError) -> [KubeconfigNode] {
        guard let child = try member(name) else { return [] }
        guard case .sequence(let sequence) = child.node else { throw child.error("must be a list") }
        return sequence.enumerated().map { index, element in
            KubeconfigNode(origin: origin, field: "\(child.field)[\(index)]", node: element)
        }
    }

    /// A member that must be a list of strings.
    func texts(_ name: String) throws(KubeconfigError) -> [String] {
        var texts: [String] = []
        for element in try list(name) {
            guard case .scalar(let scalar) = element.node else { throw element.error("must be a string") }
            texts.append(scalar.string)
        }
        return texts
    }

    /// A member that must be a mapping of lists of strings.
    func textLists(_ name: String) throws(KubeconfigError) -> [String: [String]] {
        guard let child = try member(name) else { return [:] }
        guard case .mapping(let mapping) = child.node else { throw child.error("must be a mapping") }
        var result: [String: [String]] = [:]
        for (key, _) in mapping {
            guard case .scalar(let scalar) = key else { throw child.error("has a key that is no string") }
            result[scalar.string] = try child.texts(scalar.string)
        }
        return result
    }

    /// The node as JSON; scalars by YAML's core schema.
    var json: JSONValue {
        switch node {
        case .scalar(let scalar):
            if isNull { return .null }
            guard scalar.style == .plain else { return .string(scalar.string) }
            switch scalar.string {
            case "true", "True", "TRUE": return true
            case "false", "False", "FALSE": return false
            default:
                if let number = Int64(scalar.string) { return .integer(number) }
                return .string(scalar.string)
            }
        case .sequence(let sequence):
            return .array(sequence.map { KubeconfigNode(origin: origin, field: field, node: $0).json })
        case .mapping(let mapping):
            var object: JSONValue = [:]
            for (key, value) in mapping {
                guard case .scalar(let name) = key else { continue }
                object[name.string] = KubeconfigNode(origin: origin, field: field, node: value).json
            }
            return object
        case .alias: return .null
        }
    }
}
