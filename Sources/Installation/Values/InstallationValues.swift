internal import Cluster

/// The values of an installation: the defaults, and what the administrator says otherwise.
///
/// Mappings merge member by member; everything else is replaced as a whole. `null` takes a value back to its default.
package struct InstallationValues: Sendable, Hashable {
    /// What differs from the defaults: what is kept in the cluster, so that an upgrade gets new defaults.
    private(set) var given: JSONValue

    /// The defaults.
    package init() { given = .emptyObject }

    /// What was kept in the cluster.
    init(given: JSONValue) { self.given = given.object == nil ? .emptyObject : given }

    /// Puts the values of a file over these.
    ///
    /// - Parameters:
    ///   - text: YAML or JSON.
    ///   - origin: The file, as messages name it.
    /// - Throws: ``InstallationError`` that names file and line.
    package mutating func merge(file text: String, origin: String) throws(InstallationError) {
        let documents = try YAMLReader.documents(text, origin: origin)
        guard documents.count <= 1 else {
            throw InstallationError(.invalid, "\(origin) holds \(documents.count) documents; values are one mapping")
        }
        guard let values = documents.first else { return }
        guard values.object != nil else {
            throw InstallationError(
                .invalid,
                "\(origin) holds no mapping of values",
                remedy: "write lines `name: value`"
            )
        }
        given = Self.merged(given, values)
    }

    /// Puts single values over these.
    package mutating func merge(_ assignments: [ValueAssignment]) {
        for assignment in assignments {
            // A list keeps its other elements: the place says which one is meant.
            var values = effective(assignment)
            values.set(assignment.path.steps[...], to: assignment.value)
            given = Self.merged(given, values)
        }
    }

    /// The lists on the way of an assignment, as they are now; nothing else.
    private func effective(_ assignment: ValueAssignment) -> JSONValue {
        guard let place = assignment.path.steps.firstIndex(where: { if case .index = $0 { true } else { false } })
        else {
            return .emptyObject
        }
        let way = assignment.path.steps[..<place]
        var list: JSONValue? = given
        for case .name(let name) in way { list = list?[name] }
        var values = JSONValue.emptyObject
        if let list, list.array != nil { values.set(way, to: list) }
        return values
    }

    /// All values, the defaults among them.
    ///
    /// - Throws: ``InstallationError`` that lists everything the schema does not allow, with the way to it and what would be right.
    func complete() throws(InstallationError) -> JSONValue {
        let complete = Self.merged(try Manifests.defaults(), Self.withoutNulls(given))
        let violations = try Manifests.schema().violations(complete)
        guard violations.isEmpty else {
            throw InstallationError(
                .invalid,
                "the values are wrong:\n" + violations.map { "  \($0)" }.joined(separator: "\n"),
                remedy: "see k8s/values.yaml, or telepresence lint --show-values"
            )
        }
        return complete
    }

    private static func merged(_ under: JSONValue, _ over: JSONValue) -> JSONValue {
        guard case .object(var members) = under, case .object(let others) = over else { return over }
        for (name, value) in others {
            members[name] = members[name].map { merged($0, value) } ?? value
        }
        return .object(members)
    }

    private static func withoutNulls(_ value: JSONValue) -> JSONValue {
        guard case .object(let members) = value else { return value }
        return .object(members.filter { !$0.value.isNull }.mapValues { withoutNulls($0) })
    }
}
