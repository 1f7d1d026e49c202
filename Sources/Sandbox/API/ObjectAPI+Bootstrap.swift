import Cluster

extension ObjectAPI {
    /// Makes what a fresh cluster has: namespaces, roles, the `kubernetes` Service, service subnets.
    ///
    /// `host` and `port` are where the API server can be reached from pods.
    package func bootstrap(host: String, port: Int) async throws(StatusError) {
        for name in ["default", "kube-system", "kube-public", "kube-node-lease"] {
            try await self.create(.namespaces, ["metadata": ["name": .string(name)]])
        }
        for (name, rules) in Self.roles {
            try await self.create(.clusterRoles, ["metadata": self.builtIn(name), "rules": rules])
        }
        for (name, role, groups) in Self.bindings {
            try await self.create(
                .clusterRoleBindings,
                [
                    "metadata": self.builtIn(name), "roleRef": ["kind": "ClusterRole", "name": .string(role)],
                    "subjects": .array(groups.map { ["kind": "Group", "name": .string($0)] }),
                ]
            )
        }
        try await self.create(
            .configMaps,
            [
                "metadata": ["name": "extension-apiserver-authentication"],
                "data": ["client-ca-file": .string(String(decoding: self.authorityPEM, as: UTF8.self))],
            ],
            namespace: "kube-system"
        )
        try await self.create(
            .roles,
            [
                "metadata": self.builtIn("extension-apiserver-authentication-reader"),
                "rules": [
                    [
                        "apiGroups": [""], "resources": ["configmaps"],
                        "resourceNames": ["extension-apiserver-authentication"], "verbs": ["get", "list", "watch"],
                    ]
                ],
            ],
            namespace: "kube-system"
        )
        try await self.create(
            .serviceCIDRs,
            [
                "metadata": ["name": "kubernetes"], "spec": ["cidrs": [.string(self.allocator.cidr)]],
            ]
        )
        try self.store.update(.serviceCIDRs, name: "kubernetes", part: .status) { old throws(StatusError) in
            var object = old
            object["status"] = [
                "conditions": [["type": "Ready", "status": "True", "lastTransitionTime": .string(Timestamp.now())]]
            ]
            return object
        }
        try await self.serve(host: host, port: port)
    }

    /// The Service `kubernetes` and where it leads.
    private func serve(host: String, port: Int) async throws(StatusError) {
        try await self.create(
            .services,
            [
                "metadata": [
                    "name": "kubernetes", "labels": ["component": "apiserver", "provider": "kubernetes"],
                ],
                "spec": [
                    "clusterIP": .string(self.allocator.address(1)),
                    "ports": [["name": "https", "port": 443, "targetPort": .integer(Int64(port))]],
                ],
            ],
            namespace: "default"
        )
        try await self.create(
            .endpoints,
            [
                "metadata": ["name": "kubernetes", "labels": ["endpointslice.kubernetes.io/skip-mirror": "true"]],
                "subsets": [
                    [
                        "addresses": [["ip": .string(host)]],
                        "ports": [["name": "https", "port": .integer(Int64(port))]],
                    ]
                ],
            ],
            namespace: "default"
        )
        try await self.create(
            .endpointSlices,
            [
                "metadata": ["name": "kubernetes", "labels": ["kubernetes.io/service-name": "kubernetes"]],
                "addressType": "IPv4",
                "endpoints": [["addresses": [.string(host)], "conditions": ["ready": true]]],
                "ports": [["name": "https", "port": .integer(Int64(port))]],
            ],
            namespace: "default"
        )
    }

    private func builtIn(_ name: String) -> JSONValue {
        ["name": .string(name), "labels": ["kubernetes.io/bootstrapping": "rbac-defaults"]]
    }

    private static let readable: JSONValue = [
        "configmaps", "endpoints", "events", "limitranges", "resourcequotas", "resourcequotas/status",
        "persistentvolumeclaims", "pods", "pods/log", "pods/status",
        "serviceaccounts", "services", "services/status", "deployments", "deployments/scale", "deployments/status",
        "replicasets", "replicasets/scale", "replicasets/status", "statefulsets", "statefulsets/scale",
        "statefulsets/status", "daemonsets", "daemonsets/status", "jobs", "jobs/status", "endpointslices", "ingresses",
        "ingresses/status", "poddisruptionbudgets", "poddisruptionbudgets/status", "namespaces",
    ]
    private static let groups: JSONValue = [
        "", "apps", "batch", "discovery.k8s.io", "networking.k8s.io", "policy",
    ]
    private static let read: JSONValue = ["get", "list", "watch"]
    private static let write: JSONValue = ["create", "delete", "deletecollection", "patch", "update"]

    private static let viewing: JSONValue = ["apiGroups": groups, "resources": readable, "verbs": read]
    private static let editing: [JSONValue] = [
        viewing,
        [
            "apiGroups": groups,
            "resources": [
                "configmaps", "endpoints", "events", "persistentvolumeclaims", "pods", "pods/eviction",
                "pods/portforward", "secrets", "serviceaccounts", "services", "deployments", "deployments/scale",
                "replicasets", "replicasets/scale", "statefulsets", "statefulsets/scale", "daemonsets", "jobs",
                "ingresses", "poddisruptionbudgets",
            ],
            "verbs": write,
        ],
        ["apiGroups": [""], "resources": ["secrets", "pods/portforward"], "verbs": read],
        ["apiGroups": [""], "resources": ["serviceaccounts"], "verbs": ["impersonate"]],
    ]

    private static let roles: [(String, JSONValue)] = [
        (
            "cluster-admin",
            [
                ["apiGroups": ["*"], "resources": ["*"], "verbs": ["*"]], ["nonResourceURLs": ["*"], "verbs": ["*"]],
            ]
        ),
        (
            "admin",
            .array(
                editing + [
                    [
                        "apiGroups": ["rbac.authorization.k8s.io"], "resources": ["roles", "rolebindings"],
                        "verbs": ["create", "delete", "deletecollection", "get", "list", "patch", "update", "watch"],
                    ],
                    [
                        "apiGroups": ["authorization.k8s.io"], "resources": ["localsubjectaccessreviews"],
                        "verbs": ["create"],
                    ],
                ]
            )
        ),
        ("edit", .array(editing)),
        ("view", [viewing]),
        (
            "system:discovery",
            [
                [
                    "nonResourceURLs": [
                        "/api", "/api/*", "/apis", "/apis/*", "/healthz", "/livez", "/openapi", "/openapi/*", "/readyz",
                        "/version", "/version/",
                    ],
                    "verbs": ["get"],
                ]
            ]
        ),
        (
            "system:public-info-viewer",
            [["nonResourceURLs": ["/healthz", "/livez", "/readyz", "/version", "/version/"], "verbs": ["get"]]]
        ),
        (
            "system:basic-user",
            [
                [
                    "apiGroups": ["authorization.k8s.io"],
                    "resources": ["selfsubjectaccessreviews", "selfsubjectrulesreviews"], "verbs": ["create"],
                ],
                [
                    "apiGroups": ["authentication.k8s.io"], "resources": ["selfsubjectreviews"], "verbs": ["create"],
                ],
            ]
        ),
        (
            "system:auth-delegator",
            [
                ["apiGroups": ["authentication.k8s.io"], "resources": ["tokenreviews"], "verbs": ["create"]],
                ["apiGroups": ["authorization.k8s.io"], "resources": ["subjectaccessreviews"], "verbs": ["create"]],
            ]
        ),
    ]

    private static let bindings: [(String, String, [String])] = [
        ("cluster-admin", "cluster-admin", ["system:masters"]),
        ("system:discovery", "system:discovery", ["system:authenticated"]),
        (
            "system:public-info-viewer", "system:public-info-viewer",
            ["system:authenticated", "system:unauthenticated"]
        ),
        ("system:basic-user", "system:basic-user", ["system:authenticated"]),
    ]
}
