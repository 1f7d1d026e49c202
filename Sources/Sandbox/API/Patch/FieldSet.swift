import Cluster

/// A set of fields of an object, as managers own them: what `fieldsV1` in `managedFields` says.
struct FieldSet: Equatable {
    /// One step from an object to a field of it.
    enum Step: Hashable {
        case field(String)
        /// An element of a list-map.
        case key(ListKey)
        /// An element of a set.
        case value(JSONValue)
    }

    /// Paths of the fields owned: leaves, and elements of list-maps.
    private(set) var paths: Set<[Step]> = []

    init(paths: Set<[Step]> = []) { self.paths = paths }

    /// The fields of an applied object; identity is nobody's.
    init(of object: JSONValue) {
        guard case .object(let fields) = object else { return }
        for (name, value) in fields where !["apiVersion", "kind"].contains(name) {
            if name == "metadata" {
                for (inner, value) in value.object ?? [:]
                where ["labels", "annotations", "finalizers", "ownerReferences"].contains(inner) {
                    self.collect(value, [.field("metadata"), .field(inner)], ["metadata", inner])
                }
            } else {
                self.collect(value, [.field(name)], [name])
            }
        }
    }

    private mutating func collect(_ value: JSONValue, _ path: [Step], _ names: [String]) {
        switch value {
        case .object(let fields) where !fields.isEmpty && !Self.atomicObjects.contains(names.last ?? ""):
            for (name, value) in fields { self.collect(value, path + [.field(name)], names + [name]) }
        case .array(let elements):
            switch ListSchema.apply(names) {
            case .atomic: self.paths.insert(path)
            case .set: for element in elements { self.paths.insert(path + [.value(element)]) }
            case .map(let keys):
                for element in elements {
                    guard let key = ListKey(element, keys) else { continue }
                    self.paths.insert(path + [.key(key)])
                    for (name, value) in element.object ?? [:] {
                        self.collect(value, path + [.key(key), .field(name)], names + [name])
                    }
                }
            }
        default: self.paths.insert(path)
        }
    }

    /// Objects that are changed as a whole.
    private static let atomicObjects: Set<String> = [
        "selector", "nodeSelector", "fieldRef", "configMapKeyRef", "secretKeyRef",
    ]

    func union(_ other: FieldSet) -> FieldSet { FieldSet(paths: self.paths.union(other.paths)) }
    func subtracting(_ other: FieldSet) -> FieldSet { FieldSet(paths: self.paths.subtracting(other.paths)) }
    func intersection(_ other: FieldSet) -> FieldSet { FieldSet(paths: self.paths.intersection(other.paths)) }
    var isEmpty: Bool { self.paths.isEmpty }

    // MARK: fieldsV1

    /// The nested form that Kubernetes shows.
    var fieldsV1: JSONValue {
        var root: JSONValue = .object([:])
        for path in self.paths {
            var names = path.map(Self.name)
            if case .key = path.last { names.append(".") }
            root.setIfAbsent(names[...])
        }
        return root
    }

    /// Reads the nested form.
    init(fieldsV1: JSONValue) {
        self.read(fieldsV1, [])
    }

    private mutating func read(_ value: JSONValue, _ path: [Step]) {
        let fields = value.object ?? [:]
        if fields.isEmpty || fields["."] != nil, !path.isEmpty { self.paths.insert(path) }
        for (name, inner) in fields where name != "." {
            guard let step = Self.step(name) else { continue }
            self.read(inner, path + [step])
        }
    }

    private static func name(_ step: Step) -> String {
        switch step {
        case .field(let name): "f:\(name)"
        case .key(let key): "k:\(JSONValue.object(key.values).text)"
        case .value(let value): "v:\(value.text)"
        }
    }

    private static func step(_ name: String) -> Step? {
        if let field = name.suffix(after: "f:") { return .field(field) }
        if let text = name.suffix(after: "k:"), let values = (try? JSONValue.parse(text))?.object {
            return .key(ListKey(values: values))
        }
        if let text = name.suffix(after: "v:"), let value = try? JSONValue.parse(text) { return .value(value) }
        return nil
    }

    // MARK: Access to objects

    /// The value at a path; for an element of a list-map the element.
    static func value(in object: JSONValue, at path: [Step]) -> JSONValue? {
        var value = object
        for step in path {
            switch step {
            case .field(let name):
                guard let next = value[name] else { return nil }
                value = next
            case .key(let key):
                guard let next = value.array?.first(where: { ListKey($0, Array(key.values.keys)) == key }) else {
                    return nil
                }
                value = next
            case .value(let wanted):
                guard value.array?.contains(wanted) == true else { return nil }
                value = wanted
            }
        }
        return value
    }

    /// Takes what is at a path away; empty objects and lists that this leaves stay.
    static func remove(_ path: ArraySlice<Step>, from value: JSONValue) -> JSONValue {
        guard let step = path.first else { return value }
        let last = path.count == 1
        var result = value
        switch step {
        case .field(let name):
            guard let inner = value[name] else { return value }
            result[name] = last ? nil : self.remove(path.dropFirst(), from: inner)
        case .key(let key):
            guard var elements = value.array,
                let index = elements.firstIndex(where: { ListKey($0, Array(key.values.keys)) == key })
            else { return value }
            if last {
                elements.remove(at: index)
            } else {
                elements[index] = self.remove(path.dropFirst(), from: elements[index])
            }
            result = .array(elements)
        case .value(let wanted):
            result = .array((value.array ?? []).filter { $0 != wanted })
        }
        return result
    }

    /// A path as Kubernetes writes it in messages, such as `.spec.containers[name="a"].image`.
    static func text(_ path: [Step]) -> String {
        path.map { step in
            switch step {
            case .field(let name): ".\(name)"
            case .key(let key):
                "[" + key.values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value.text)" }.joined(separator: ",")
                    + "]"
            case .value(let value): "[=\(value.text)]"
            }
        }.joined()
    }
}

extension JSONValue {
    /// Makes the objects along a path of keys.
    fileprivate mutating func setIfAbsent(_ path: ArraySlice<String>) {
        guard let key = path.first else { return }
        var inner = self[key] ?? .object([:])
        inner.setIfAbsent(path.dropFirst())
        self[key] = inner
    }
}
