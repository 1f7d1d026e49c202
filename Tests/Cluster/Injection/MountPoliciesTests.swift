import Testing

@testable import Cluster

@Suite struct MountPoliciesTests {
    private static func policies(
        _ annotations: JSONValue = .emptyObject,
        _ administrator: MountPolicies.Rules = [:]
    ) -> (MountPolicies, warnings: [String]) {
        var warnings: [String] = []
        let pod: JSONValue = ["metadata": ["annotations": annotations]]
        let policies = MountPolicies(pod: pod, administrator: administrator, warnings: &warnings)
        return (policies, warnings)
    }

    @Test("without a word /tmp is the workstation's own, and all else is served")
    func usual() {
        let (policies, warnings) = Self.policies()
        #expect(policies.policy(volume: "v", path: "/tmp") == .local)
        #expect(policies.policy(volume: "v", path: "/tmp/x") == .local)
        #expect(policies.policy(volume: "v", path: "/tmpx") == .remote)
        #expect(policies.policy(volume: "v", path: "/etc/config") == .remote)
        #expect(warnings.isEmpty)
    }

    @Test("a pod's word goes before the administrator's, a volume before a path, a longer path before a shorter one")
    func precedence() {
        let (policies, warnings) = Self.policies(
            ["telepresence.io/mount-policies": #"{"/data": "remotereadonly", "/data/a": "Remote", "keys": "Ignore"}"#],
            ["/data": .ignore, "/": .remoteReadOnly, "logs": .local]
        )
        #expect(policies.policy(volume: "v", path: "/data") == .remoteReadOnly)
        #expect(policies.policy(volume: "v", path: "/data/a/b") == .remote)
        #expect(policies.policy(volume: "keys", path: "/data/a") == .ignore)
        #expect(policies.policy(volume: "logs", path: "/x") == .local)
        #expect(policies.policy(volume: "v", path: "/x") == .remoteReadOnly)
        #expect(warnings.isEmpty)
    }

    @Test(
        "an annotation that cannot be read keeps everything back, and says so",
        arguments: [
            "", "[]", #"{"/": "Readonly"}"#, #"{"/": 1}"#,
        ]
    )
    func wrong(text: String) {
        let (policies, warnings) = Self.policies(["telepresence.io/mount-policies": .string(text)])
        #expect(policies.policy(volume: "v", path: "/x") == .ignore)
        #expect(warnings.count == 1)
    }

    @Test("ignored mounts are ignored, whatever else is said of them")
    func ignored() {
        let (policies, _) = Self.policies([
            "telepresence.io/inject-ignore-volume-mounts": "keys, /etc/x",
            "telepresence.io/mount-policies": #"{"keys": "Remote"}"#,
        ])
        #expect(policies.policy(volume: "keys", path: "/k") == .ignore)
        #expect(policies.policy(volume: "v", path: "/etc/x") == .ignore)
        #expect(policies.policy(volume: "v", path: "/etc/y") == .remote)
    }
}
