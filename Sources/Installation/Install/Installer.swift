internal import Cluster

/// Installs and upgrades the traffic manager of one namespace.
package struct Installer: Sendable {
    /// How it is done.
    package struct Options: Sendable {
        /// Makes the namespace when it is not there.
        package var createNamespace = true
        /// How long the manager may take to become ready; nil: nobody waits for it.
        package var wait: Duration? = .seconds(120)

        package init() {}
    }

    let cluster: InstallationCluster
    let namespace: String
    private let version: String
    let progress: @Sendable (String) -> Void

    /// - Parameters:
    ///   - cluster: Where.
    ///   - namespace: The manager's.
    ///   - version: Of this program; it is kept with the installation.
    ///   - progress: Told what is under way, in a few words.
    package init(
        cluster: InstallationCluster,
        namespace: String,
        version: String,
        progress: @escaping @Sendable (String) -> Void
    ) {
        self.cluster = cluster
        self.namespace = namespace
        self.version = version
        self.progress = progress
    }

    /// What would be applied, as YAML; no cluster is asked.
    ///
    /// - Parameters:
    ///   - values: The values, checked here.
    ///   - namespace: The manager's.
    ///   - withNamespace: Whether the namespace is part of it.
    ///   - asJSON: A JSON array instead of YAML.
    /// - Returns: YAML documents that `kubectl apply -f -` takes, or the array.
    /// - Throws: ``InstallationError`` for wrong values.
    package static func manifests(
        _ values: InstallationValues,
        namespace: String,
        withNamespace: Bool,
        asJSON: Bool = false
    ) throws(InstallationError) -> String {
        let renderer = Renderer(values: try values.complete(), namespace: namespace)
        let objects = try renderer.objects(withNamespace: withNamespace).map(\.json)
        return asJSON ? JSONValue.array(objects).text : YAMLWriter.documents(objects)
    }

    /// All values, those that were not given with their defaults, as YAML or JSON.
    package static func shown(
        _ values: InstallationValues,
        asJSON: Bool = false
    ) throws(InstallationError) -> String {
        let complete = try values.complete()
        return asJSON ? complete.text : YAMLWriter.documents([complete])
    }

    /// Installs.
    ///
    /// - Throws: ``InstallationError``, of kind `notReady` when everything is applied but the manager does not start.
    package func install(
        _ values: InstallationValues,
        options: Options = Options()
    ) async throws(InstallationError) -> InstallationOutcome {
        let complete = try values.complete()
        progress("Connecting to \(cluster.server)")
        if let record = try await record() {
            throw InstallationError(
                .refused,
                "the traffic manager \(record.version) is installed in namespace \(namespace) already",
                remedy: "telepresence upgrade"
            )
        }
        if try await cluster.find(.deployments, namespace: namespace, name: Manifests.managerName) != nil {
            throw InstallationError(
                .refused,
                "a traffic manager that was applied by other means is in namespace \(namespace)",
                remedy: "take it over with: telepresence upgrade"
            )
        }
        return try await apply(values, complete, former: nil, options)
    }

    /// The values that an upgrade would use.
    ///
    /// - Parameters:
    ///   - reuse: Whether the installation's values count; else the defaults are put under those given.
    ///   - given: Puts other values over them.
    /// - Returns: Values that are not checked yet.
    /// - Throws: ``InstallationError`` when nothing is installed.
    package func upgraded(
        reuse: Bool,
        _ given: (inout InstallationValues) throws(InstallationError) -> Void
    ) async throws(InstallationError) -> InstallationValues {
        let former = try await installed()
        var values = reuse ? former.values : InstallationValues()
        try given(&values)
        return values
    }

    /// Applies values to an installation that is there, and removes what is no longer part of it.
    package func upgrade(
        _ values: InstallationValues,
        options: Options = Options()
    ) async throws(InstallationError) -> InstallationOutcome {
        let complete = try values.complete()
        return try await apply(values, complete, former: try await installed(), options)
    }

    /// What is remembered; of an installation by other means, its usual objects.
    func installed() async throws(InstallationError) -> InstallationRecord {
        if let record = try await record() { return record }
        guard try await cluster.find(.deployments, namespace: namespace, name: Manifests.managerName) != nil else {
            throw InstallationError(
                .refused,
                "no traffic manager is installed in namespace \(namespace)",
                remedy: "telepresence install, or name its namespace with --namespace"
            )
        }
        var record = InstallationRecord()
        let usual = Renderer(values: try record.values.complete(), namespace: namespace)
        record.objects = try usual.objects(withNamespace: false).map(\.reference)
        let label = try await cluster.find(.namespaces, name: namespace)?
            .at("metadata", "labels", "app.kubernetes.io/part-of")?.string
        record.madeNamespace = label == "telepresence"
        return record
    }

    func record() async throws(InstallationError) -> InstallationRecord? {
        try await cluster.find(.secrets, namespace: namespace, name: InstallationRecord.secretName)
            .flatMap { InstallationRecord(secret: $0) }
    }

    // MARK: - Applying

    private func apply(
        _ values: InstallationValues,
        _ complete: JSONValue,
        former: InstallationRecord?,
        _ options: Options
    ) async throws(InstallationError) -> InstallationOutcome {
        let present = try await namespaceIsThere()
        guard present || options.createNamespace else {
            throw InstallationError(
                .refused,
                "there is no namespace \(namespace)",
                remedy: "kubectl create namespace \(namespace), or leave --no-create-namespace out"
            )
        }
        // A namespace that somebody else made stays as it is.
        let made = former?.madeNamespace ?? !present
        let objects = try Renderer(values: complete, namespace: namespace).objects(withNamespace: made)
        try await NamespaceClaims(cluster: cluster).check(objects, namespace: namespace)
        var record = InstallationRecord()
        record.revision = (former?.revision ?? 0) + 1
        record.version = version
        record.values = values
        record.madeNamespace = made
        record.objects = objects.map(\.reference).filter { $0.kind != "Namespace" }
        // Until the upgrade is through, an uninstall has to remove the old objects as well.
        let obsolete = (former?.objects ?? []).filter { !record.objects.contains($0) }
        var pending = record
        pending.objects += obsolete
        var outcome = InstallationOutcome(namespace: namespace)
        outcome.revision = record.revision
        for object in objects where object.kind == "Namespace" { try await apply(object, &outcome) }
        // What follows is remembered before it is made, so that it can be removed however this ends.
        _ = try await cluster.apply(pending.secret(namespace: namespace))
        for object in objects where object.kind != "Namespace" { try await apply(object, &outcome) }
        for reference in obsolete.reversed() {
            progress("Removing \(reference)")
            if try await cluster.delete(reference) { outcome.add(reference, .deleted) }
        }
        if !obsolete.isEmpty { _ = try await cluster.apply(record.secret(namespace: namespace)) }
        if let limit = options.wait, objects.contains(where: { $0.kind == "Deployment" }) {
            let watch = RolloutWatch(cluster: cluster, namespace: namespace, progress: progress)
            try await watch.run(
                limit: limit,
                webhook: objects.first { $0.kind == "MutatingWebhookConfiguration" }?.name
            )
        }
        return outcome
    }

    private func apply(_ object: ManifestObject, _ outcome: inout InstallationOutcome) async throws(InstallationError) {
        progress("Applying \(object.reference)")
        let before = try await cluster.find(object.reference)
        let after = try await cluster.apply(object)
        let isSame = before?.at("metadata", "resourceVersion") == after.at("metadata", "resourceVersion")
        outcome.add(object.reference, before == nil ? .created : isSame ? .unchanged : .changed)
    }

    private func namespaceIsThere() async throws(InstallationError) -> Bool {
        guard let present = try await cluster.find(.namespaces, name: namespace) else { return false }
        guard present.at("status", "phase")?.string != "Terminating" else {
            throw InstallationError(
                .refused,
                "namespace \(namespace) is being deleted",
                remedy: "kubectl wait --for=delete namespace/\(namespace), then again"
            )
        }
        return true
    }
}
