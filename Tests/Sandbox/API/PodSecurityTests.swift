import Cluster
import Testing

@testable import Sandbox

@Suite struct PodSecurityTests {
    private static let modest: JSONValue = [
        "allowPrivilegeEscalation": false, "runAsNonRoot": true, "runAsUser": 1000,
        "capabilities": ["drop": ["ALL"]], "seccompProfile": ["type": "RuntimeDefault"],
    ]

    private static func pod(_ context: JSONValue?, spec: JSONValue = [:]) -> JSONValue {
        var container: JSONValue = ["name": "main", "image": "x"]
        container["securityContext"] = context
        var spec = spec
        spec["containers"] = [container]
        return ["metadata": ["name": "p"], "spec": spec]
    }

    @Test("a pod that says nothing violates restricted in four ways, and baseline in none")
    func plain() {
        let pod = Self.pod(nil)
        #expect(PodSecurity.violations(pod, restricted: false).isEmpty)
        #expect(
            PodSecurity.violations(pod, restricted: true) == [
                "allowPrivilegeEscalation != false (container \"main\" must set "
                    + "securityContext.allowPrivilegeEscalation=false)",
                "runAsNonRoot != true (pod or container \"main\" must set securityContext.runAsNonRoot=true)",
                "seccompProfile (pod or container \"main\" must set securityContext.seccompProfile.type to "
                    + "\"RuntimeDefault\" or \"Localhost\")",
                "unrestricted capabilities (container \"main\" must set securityContext.capabilities.drop=[\"ALL\"])",
            ]
        )
        #expect(PodSecurity.violations(Self.pod(Self.modest), restricted: true).isEmpty)
    }

    @Test("what baseline forbids is named")
    func baseline() {
        let pod = Self.pod(
            ["privileged": true, "capabilities": ["add": ["NET_ADMIN", "CHOWN"]]],
            spec: ["hostNetwork": true, "volumes": [["name": "v", "hostPath": ["path": "/"]]]]
        )
        #expect(
            PodSecurity.violations(pod, restricted: false) == [
                "host namespaces (hostNetwork=true)", "hostPath volumes (volume \"v\")",
                "non-default capabilities (container \"main\" must not include \"NET_ADMIN\" in "
                    + "securityContext.capabilities.add)",
                "privileged (container \"main\" must not set securityContext.privileged=true)",
            ]
        )
    }

    @Test("a namespace's label is enforced for pods, and limit ranges are for containers")
    func enforced() async throws {
        let api = ObjectAPI(store: ObjectStore(), access: .absent, authorityPEM: [])
        try await api.bootstrap(host: "172.30.0.2", port: 6443)
        try await api.create(
            .namespaces,
            ["metadata": ["name": "safe", "labels": ["pod-security.kubernetes.io/enforce": "restricted"]]]
        )
        let error = await #expect(throws: StatusError.self) {
            try await api.create(.pods, Self.pod(nil), namespace: "safe")
        }
        #expect(
            error?.message.hasPrefix("pods \"p\" is forbidden: violates PodSecurity \"restricted:latest\": ") == true
        )
        try await api.create(.pods, Self.pod(Self.modest), namespace: "safe")
        try await api.create(.pods, Self.pod(nil), namespace: "default")
        try await api.create(
            .limitRanges,
            [
                "metadata": ["name": "bounds"],
                "spec": ["limits": [["type": "Container", "max": ["memory": "1Gi"], "default": ["memory": "2Gi"]]]],
            ],
            namespace: "safe"
        )
        var other = Self.pod(Self.modest)
        other.set("metadata", "name", to: "q")
        let big = await #expect(throws: StatusError.self) { try await api.create(.pods, other, namespace: "safe") }
        #expect(
            big?.message
                == "pods \"q\" is forbidden: maximum memory usage per Container is 1Gi, but limit is 2Gi"
        )
    }
}
