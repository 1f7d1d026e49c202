import Cluster

extension ObjectAPI {
    /// Adds ephemeral containers to a pod; of what `change` makes of the pod, nothing else is taken over.
    ///
    /// Fails with 404, with what `change` throws, and with 422 when a container is changed or removed or has what such
    /// containers may not have.
    @discardableResult
    func changeEphemeralContainers(
        pod name: String,
        namespace: String,
        dryRun: Bool = false,
        _ change: (JSONValue) throws(StatusError) -> JSONValue
    ) throws(StatusError) -> JSONValue {
        let place = self.store.find(.namespaces, name: namespace)
        return try self.store.update(.pods, namespace: namespace, name: name, part: .whole, dryRun: dryRun) {
            old throws(StatusError) in
            let changed = try change(old)
            let version = changed.resourceVersion
            guard version.isEmpty || version == old.resourceVersion else { throw .conflict(.pods, name) }
            var pod = old
            let added = changed.at("spec", "ephemeralContainers")
            pod.set("spec", "ephemeralContainers", to: added?.array?.isEmpty == false ? added : nil)
            pod["spec"] = PodDefaults.apply(pod["spec"] ?? .emptyObject, isTemplate: false)
            let causes = Self.check(pod, old: old)
            guard causes.isEmpty else { throw .invalid(.pods, name, causes) }
            try PodSecurity.check(pod, namespace: place)
            return pod
        }
    }

    private static func check(_ pod: JSONValue, old: JSONValue) -> [StatusError.Cause] {
        var validation = Validation()
        let containers = pod.at("spec", "ephemeralContainers")?.array ?? []
        let volumes = Set((pod.at("spec", "volumes")?.array ?? []).compactMap { $0["name"]?.string })
        let others = ["containers", "initContainers"].flatMap { list in
            (pod.at("spec", list)?.array ?? []).compactMap { $0["name"]?.string }
        }
        var names = Set(others)
        for (index, container) in containers.enumerated() {
            let field = "spec.ephemeralContainers[\(index)]"
            let name = container["name"]?.string ?? ""
            if name.isEmpty {
                validation.required("\(field).name")
            } else if !Names.isLabel(name) {
                validation.invalid("\(field).name", .string(name), "a lowercase RFC 1123 label must be given")
            } else if !names.insert(name).inserted {
                validation.duplicate("\(field).name", .string(name))
            }
            if container["image"]?.string?.isEmpty ?? true { validation.required("\(field).image") }
            for forbidden in ["ports", "livenessProbe", "readinessProbe", "startupProbe", "lifecycle", "restartPolicy"]
            where container[forbidden].map({ !$0.isNull }) ?? false {
                validation.forbidden("\(field).\(forbidden)", "cannot be set for an Ephemeral Container")
            }
            if container["resources"]?.object?.isEmpty == false {
                validation.forbidden("\(field).resources", "cannot be set for an Ephemeral Container")
            }
            if let target = container["targetContainerName"]?.string, !target.isEmpty, !others.contains(target) {
                validation.append(
                    .init(
                        reason: "FieldValueNotFound",
                        message: "Not found: \"\(target)\"",
                        field: "\(field).targetContainerName"
                    )
                )
            }
            for (number, mount) in (container["volumeMounts"]?.array ?? []).enumerated() {
                let path = "\(field).volumeMounts[\(number)]"
                if mount["subPath"]?.string?.isEmpty == false || mount["subPathExpr"]?.string?.isEmpty == false {
                    validation.forbidden("\(path).subPath", "cannot be set for an Ephemeral Container")
                }
                let volume = mount["name"]?.string ?? ""
                if !volumes.contains(volume) {
                    validation.append(
                        .init(
                            reason: "FieldValueNotFound",
                            message: "Not found: \"\(volume)\"",
                            field: "\(path).name"
                        )
                    )
                }
            }
        }
        for container in old.at("spec", "ephemeralContainers")?.array ?? [] {
            let name = container["name"]?.string ?? ""
            guard let kept = containers.first(where: { $0["name"]?.string == name }) else {
                validation.forbidden(
                    "spec.ephemeralContainers",
                    "existing ephemeral containers \"\(name)\" may not be removed\n"
                )
                continue
            }
            if kept != container {
                validation.forbidden(
                    "spec.ephemeralContainers",
                    "existing ephemeral containers \"\(name)\" may not be changed\n"
                )
            }
        }
        return validation.causes
    }
}
