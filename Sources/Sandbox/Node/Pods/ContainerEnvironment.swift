import Cluster

/// A container's environment: Services, `envFrom`, `env`, in the order in which Kubernetes lets them override each other.
struct ContainerEnvironment {
    /// Values by name.
    private(set) var values: [String: String] = [:]

    /// Works everything out, or says what is missing in the words of the kubelet.
    ///
    /// `find` gives an object of the pod's namespace; `services` are the variables that stand for Services.
    init(
        container: JSONValue,
        fields: PodFields,
        services: [String: String],
        find: (ResourceKind, String) -> JSONValue?
    ) throws(RuntimeError) {
        self.values = services
        let namespace = fields.pod.namespace
        for source in container["envFrom"]?.array ?? [] {
            let prefix = source["prefix"]?.string ?? ""
            let (kind, reference, word) =
                source["secretRef"].map { (ResourceKind.secrets, $0, "secret") }
                ?? (ResourceKind.configMaps, source["configMapRef"] ?? .emptyObject, "configmap")
            let name = reference["name"]?.string ?? ""
            guard let object = find(kind, name) else {
                if reference["optional"]?.bool == true { continue }
                throw RuntimeError("\(word) \"\(name)\" not found", code: 0)
            }
            for (key, value) in Self.texts(object, kind) { self.values[prefix + key] = value }
        }
        for entry in container["env"]?.array ?? [] {
            guard let name = entry["name"]?.string else { continue }
            if let source = entry["valueFrom"], !source.isNull {
                if let value = try Self.value(source, container: container, fields: fields, namespace, find) {
                    self.values[name] = value
                }
            } else {
                self.values[name] = Self.expand(entry["value"]?.string ?? "", self.values)
            }
        }
    }

    private static func value(
        _ source: JSONValue,
        container: JSONValue,
        fields: PodFields,
        _ namespace: String,
        _ find: (ResourceKind, String) -> JSONValue?
    ) throws(RuntimeError) -> String? {
        if let path = source.at("fieldRef", "fieldPath")?.string {
            guard let value = fields.value(path) else { throw RuntimeError("unsupported fieldPath: \(path)", code: 0) }
            return value
        }
        if let reference = source["resourceFieldRef"] {
            guard let value = fields.resource(reference, container: container) else {
                throw RuntimeError("unsupported container resource: \(reference["resource"]?.string ?? "")", code: 0)
            }
            return value
        }
        let (kind, reference, word) =
            source["secretKeyRef"].map { (ResourceKind.secrets, $0, "Secret") }
            ?? (ResourceKind.configMaps, source["configMapKeyRef"] ?? .emptyObject, "ConfigMap")
        let name = reference["name"]?.string ?? ""
        let key = reference["key"]?.string ?? ""
        let optional = reference["optional"]?.bool == true
        guard let object = find(kind, name) else {
            if optional { return nil }
            throw RuntimeError("\(word.lowercased()) \"\(name)\" not found", code: 0)
        }
        guard let value = Self.texts(object, kind)[key] else {
            if optional { return nil }
            throw RuntimeError("couldn't find key \(key) in \(word) \(namespace)/\(name)", code: 0)
        }
        return value
    }

    /// The entries of a ConfigMap or Secret as text.
    private static func texts(_ object: JSONValue, _ kind: ResourceKind) -> [String: String] {
        let data = object["data"]?.stringMap ?? [:]
        guard kind == .secrets else { return data }
        return data.compactMapValues { text in Base64.decode(text).map { String(decoding: $0, as: UTF8.self) } }
    }

    /// Replaces `$(NAME)` by values; what has none stays, and `$$` is a plain `$`.
    static func expand(_ text: String, _ values: [String: String]) -> String {
        guard text.contains("$") else { return text }
        var result = ""
        var rest = text[...]
        while let dollar = rest.firstIndex(of: "$") {
            result += rest[..<dollar]
            rest = rest[rest.index(after: dollar)...]
            if rest.first == "$" {
                result += "$"
                rest = rest.dropFirst()
            } else if rest.first == "(", let close = rest.firstIndex(of: ")") {
                let name = String(rest[rest.index(after: rest.startIndex)..<close])
                result += values[name] ?? "$(\(name))"
                rest = rest[rest.index(after: close)...]
            } else {
                result += "$"
            }
        }
        return result + rest
    }

    /// The variables that stand for a namespace's Services, as the kubelet makes them for pods that start after them.
    static func services(_ services: [JSONValue]) -> [String: String] {
        var values: [String: String] = [:]
        for service in services {
            guard let address = service.at("spec", "clusterIP")?.string, address.contains(".") else { continue }
            let ports = service.at("spec", "ports")?.array ?? []
            guard let first = ports.first?["port"]?.int else { continue }
            let name = String(service.name.uppercased().map { $0 == "-" || $0 == "." ? "_" : $0 })
            values["\(name)_SERVICE_HOST"] = address
            values["\(name)_SERVICE_PORT"] = String(first)
            values["\(name)_PORT"] = "\((ports.first?["protocol"]?.string ?? "TCP").lowercased())://\(address):\(first)"
            for port in ports {
                guard let number = port["port"]?.int else { continue }
                let transport = (port["protocol"]?.string ?? "TCP")
                if let portName = port["name"]?.string, !portName.isEmpty {
                    let suffix = String(portName.uppercased().map { $0 == "-" ? "_" : $0 })
                    values["\(name)_SERVICE_PORT_\(suffix)"] = String(number)
                }
                let stem = "\(name)_PORT_\(number)_\(transport)"
                values[stem] = "\(transport.lowercased())://\(address):\(number)"
                values["\(stem)_PROTO"] = transport.lowercased()
                values["\(stem)_PORT"] = String(number)
                values["\(stem)_ADDR"] = address
            }
        }
        return values
    }
}
