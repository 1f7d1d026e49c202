import Cluster

/// Gives pods the service account that they run as, and the volume with its token.
enum ServiceAccountAdmission {
    /// Where containers find token, CA and namespace.
    static let mountPath = "/var/run/secrets/kubernetes.io/serviceaccount"

    /// The pod with account and volume; 403 when there is no such account.
    static func apply(_ pod: JSONValue, namespace: String, store: ObjectStore) throws(StatusError) -> JSONValue {
        var pod = pod
        let name = pod.at("spec", "serviceAccountName")?.string ?? ""
        let account = name.isEmpty ? "default" : name
        pod.set("spec", "serviceAccountName", to: .string(account))
        pod.set("spec", "serviceAccount", to: .string(account))
        guard let object = store.find(.serviceAccounts, namespace: namespace, name: account) else {
            throw .forbidden(
                "pods \"\(pod.name)\" is forbidden: error looking up service account \(namespace)/\(account): "
                    + "serviceaccount \"\(account)\" not found",
                kind: .pods,
                name: pod.name
            )
        }
        if pod.at("spec", "imagePullSecrets") == nil, let secrets = object["imagePullSecrets"] {
            pod.set("spec", "imagePullSecrets", to: secrets)
        }
        let wanted =
            pod.at("spec", "automountServiceAccountToken")?.bool ?? object["automountServiceAccountToken"]?.bool ?? true
        return wanted ? self.mount(pod) : pod
    }

    /// Adds volume and mounts where they are missing; also after webhooks, for the containers that those added.
    private static func mount(_ pod: JSONValue) -> JSONValue {
        var pod = pod
        var volumes = pod.at("spec", "volumes")?.array ?? []
        let present = volumes.compactMap { $0["name"]?.string }.first { $0.hasPrefix("kube-api-access-") }
        let volume = present ?? "kube-api-access-\(Identifiers.suffix())"
        var added = false
        for list in ["initContainers", "containers"] {
            guard let containers = pod.at("spec", list) else { continue }
            pod.set(
                "spec",
                list,
                to: containers.mapped { container in
                    let mounts = container["volumeMounts"]?.array ?? []
                    if mounts.contains(where: { $0["mountPath"]?.string == self.mountPath }) { return container }
                    added = true
                    var container = container
                    container["volumeMounts"] = .array(
                        mounts + [
                            ["name": .string(volume), "readOnly": true, "mountPath": .string(self.mountPath)]
                        ]
                    )
                    return container
                }
            )
        }
        guard added, present == nil else { return pod }
        volumes.append([
            "name": .string(volume),
            "projected": [
                "defaultMode": 420,
                "sources": [
                    ["serviceAccountToken": ["expirationSeconds": 3607, "path": "token"]],
                    [
                        "configMap": [
                            "name": "kube-root-ca.crt", "items": [["key": "ca.crt", "path": "ca.crt"]],
                        ]
                    ],
                    [
                        "downwardAPI": [
                            "items": [
                                [
                                    "path": "namespace",
                                    "fieldRef": ["apiVersion": "v1", "fieldPath": "metadata.namespace"],
                                ]
                            ]
                        ]
                    ],
                ],
            ],
        ])
        pod.set("spec", "volumes", to: .array(volumes))
        return pod
    }
}
