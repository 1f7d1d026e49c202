internal import Cluster

extension Installer {
    /// The first version with server-side apply and everything else that is used.
    private static let leastMinor = 22

    /// Looks at the values and the cluster, and changes nothing.
    ///
    /// - Returns: What was found; never empty.
    package func lint(_ values: InstallationValues) async -> [LintFinding] {
        var findings: [LintFinding] = []
        var objects: [ManifestObject] = []
        var complete = JSONValue.emptyObject
        do throws(InstallationError) {
            complete = try values.complete()
            objects = try Renderer(values: complete, namespace: namespace).objects(withNamespace: true)
            findings.append(LintFinding(.ok, "values", "\(objects.count) objects"))
        } catch {
            findings.append(LintFinding(.error, "values", error.message))
        }
        progress("Looking at \(cluster.server)")
        do throws(InstallationError) {
            findings.append(Self.finding(version: try await cluster.version()))
        } catch {
            return findings + [LintFinding(.error, "cluster", error.message)]
        }
        guard !objects.isEmpty else { return findings }
        let managed = complete["namespaces"]?.stringArray ?? []
        findings += await rights(objects)
        findings += await podSecurity(objects, managed: managed)
        findings += await conflicts(objects)
        findings += await webhook(objects)
        return findings
    }

    private static func finding(version: String) -> LintFinding {
        let parts = version.drop { !$0.isNumber }.split(separator: ".")
        guard parts.count > 1, let major = Int(parts[0]), let minor = Int(parts[1].prefix { $0.isNumber }) else {
            return LintFinding(.warning, "version", "Kubernetes \(version): not a version that can be understood")
        }
        guard major > 1 || minor >= leastMinor else {
            return LintFinding(.error, "version", "Kubernetes \(version) is too old: 1.\(leastMinor) is needed")
        }
        return LintFinding(.ok, "version", "Kubernetes \(version)")
    }

    /// Whether this user may apply each of the objects.
    private func rights(_ objects: [ManifestObject]) async -> [LintFinding] {
        var missing: [String] = []
        let record = ManifestObject(.secrets, name: InstallationRecord.secretName, namespace: namespace)
        for object in objects + [record] {
            for verb in ["get", "create", "patch"] {
                do throws(InstallationError) {
                    let allowed = try await cluster.mayI(
                        verb,
                        object.resource,
                        namespace: object.namespace ?? "",
                        // Kubernetes cannot limit `create` by name.
                        name: verb == "create" ? "" : object.name
                    )
                    if !allowed { missing.append("\(verb) \(object.reference)") }
                } catch {
                    return [LintFinding(.error, "rights", error.message)]
                }
            }
        }
        guard missing.isEmpty else {
            let list = missing.joined(separator: "\n    ")
            return [LintFinding(.error, "rights", "you may not:\n    \(list)")]
        }
        return [LintFinding(.ok, "rights", "you may apply all objects")]
    }

    /// Whether Pod Security lets the manager in, and agents into the pods of managed namespaces.
    private func podSecurity(_ objects: [ManifestObject], managed: [String]) async -> [LintFinding] {
        guard let namespaces = try? await cluster.list(.namespaces) else {
            return [LintFinding(.warning, "pod security", "you may not list namespaces: not checked")]
        }
        var findings: [LintFinding] = []
        for name in managed where !namespaces.contains(where: { $0.at("metadata", "name")?.string == name }) {
            findings.append(LintFinding(.error, "namespaces", "there is no namespace \(name)"))
        }
        let enforcing = namespaces.filter { item in
            let name = item.at("metadata", "name")?.string ?? ""
            let level = item.at("metadata", "labels")?.stringMap["pod-security.kubernetes.io/enforce"]
            return ["restricted", "baseline"].contains(level) && name != namespace
                && (managed.isEmpty ? !name.hasPrefix("kube-") : managed.contains(name))
        }.compactMap { $0.at("metadata", "name")?.string }
        if !enforcing.isEmpty {
            findings.append(
                LintFinding(
                    .warning,
                    "pod security",
                    "\(enforcing.joined(separator: ", ")): pods get an agent there only where the Service names its target "
                        + "port; a numeric one needs an init container with NET_ADMIN, which Pod Security forbids"
                )
            )
        }
        // The manager itself satisfies `restricted`, the strictest there is.
        findings.append(LintFinding(.ok, "pod security", "the manager's pod is let in everywhere"))
        return findings
    }

    private func conflicts(_ objects: [ManifestObject]) async -> [LintFinding] {
        do throws(InstallationError) {
            try await NamespaceClaims(cluster: cluster).check(objects, namespace: namespace)
            return [LintFinding(.ok, "other managers", "none serves the same namespaces")]
        } catch {
            return [LintFinding(.error, "other managers", error.message)]
        }
    }

    /// Whether an installation that is there can be called by the API server, as far as can be seen from here.
    private func webhook(_ objects: [ManifestObject]) async -> [LintFinding] {
        guard let name = objects.first(where: { $0.kind == "MutatingWebhookConfiguration" })?.name else {
            return [LintFinding(.warning, "webhook", "the injector is disabled: nothing is injected")]
        }
        do throws(InstallationError) {
            guard let present = try await cluster.find(.mutatingWebhookConfigurations, name: name) else {
                return [LintFinding(.ok, "webhook", "not installed yet")]
            }
            let hooks = present["webhooks"]?.array ?? []
            guard hooks.allSatisfy({ $0.at("clientConfig", "caBundle")?.string?.isEmpty == false }) else {
                return [
                    LintFinding(.error, "webhook", "\(name) has no certificate yet: the manager has not registered it")
                ]
            }
            let service = ObjectReference(kind: "Service", name: "agent-injector", namespace: namespace)
            guard try await cluster.find(service) != nil else {
                return [LintFinding(.error, "webhook", "\(service) is not there: the API server cannot call it")]
            }
            let slices = try await cluster.list(
                .endpointSlices,
                namespace: namespace,
                labels: ["kubernetes.io/service-name": service.name]
            )
            let ready = slices.flatMap { $0["endpoints"]?.array ?? [] }
                .contains { $0.at("conditions", "ready")?.bool != false }
            return [
                ready
                    ? LintFinding(.ok, "webhook", "\(name) has its certificate and an endpoint")
                    : LintFinding(.error, "webhook", "\(service) has no ready endpoint: the manager is not running")
            ]
        } catch {
            return [LintFinding(.warning, "webhook", "not checked: \(error.message)")]
        }
    }
}
