internal import Cluster

/// What `k8s/` says: the manifests and values that the binary carries.
enum Manifests {
    /// The namespace of `k8s/base`.
    static let namespace = "ambassador"
    /// The name of the Deployment, its container, its Service and its service account.
    static let managerName = "traffic-manager"
    /// The cluster role that namespaces are opened with.
    static let managerRole = "traffic-manager"
    static let webhookName = "telepresence-agent-injector"
    /// The webhook in it that injects; there may be others.
    static let injector = "agent-injector.telepresence.io"
    static let clientName = "telepresence-client"

    /// The objects of `k8s/base`.
    static func base() throws(InstallationError) -> [ManifestObject] {
        try objects([
            ("k8s/base/namespace.yaml", PackageResources.namespace_yaml),
            ("k8s/base/rbac.yaml", PackageResources.rbac_yaml),
            ("k8s/base/deployment.yaml", PackageResources.deployment_yaml),
            ("k8s/base/services.yaml", PackageResources.services_yaml),
            ("k8s/base/webhook.yaml", PackageResources.webhook_yaml),
        ])
    }

    /// The objects of `k8s/client`.
    static func client() throws(InstallationError) -> [ManifestObject] {
        try objects([("k8s/client/client.yaml", PackageResources.client_yaml)])
    }

    /// `k8s/values.yaml`.
    static func defaults() throws(InstallationError) -> JSONValue {
        let text = String(decoding: PackageResources.values_yaml, as: UTF8.self)
        return try YAMLReader.documents(text, origin: "k8s/values.yaml").first ?? .emptyObject
    }

    /// `k8s/values.schema.json`.
    static func schema() throws(InstallationError) -> JSONSchema {
        let json: JSONValue
        do throws(JSONError) {
            json = try JSONValue.parse(PackageResources.values_schema_json)
        } catch {
            throw InstallationError(.invalid, "k8s/values.schema.json is \(error)")
        }
        return try JSONSchema(json)
    }

    private static func objects(
        _ files: [(name: String, bytes: [UInt8])]
    ) throws(InstallationError) -> [ManifestObject] {
        var objects: [ManifestObject] = []
        for file in files {
            let text = String(decoding: file.bytes, as: UTF8.self)
            for json in try YAMLReader.documents(text, origin: file.name) {
                guard let object = ManifestObject(json) else {
                    throw InstallationError(.invalid, "\(file.name) has an object of an unknown kind: \(json)")
                }
                objects.append(object)
            }
        }
        return objects
    }
}
