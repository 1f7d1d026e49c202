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

    @Test("the administrator's word reaches the pod that gets an agent, and its annotation goes before it")
    func injected() throws {
        var settings = InjectorTests.settings
        settings.mountPolicies = ["/data": .remoteReadOnly, "/logs": .local]
        func inject(_ pod: JSONValue) throws -> (JSONValue, AgentConfig.Container) {
            let request = InjectionRequest(
                pod: pod,
                namespace: "default",
                workload: InjectionRequest.Workload(kind: "Deployment", name: "echo"),
                services: [InjectorTests.service(targetPort: "http")]
            )
            guard case .inject(let patch, let config, _) = Injector(settings: settings).inject(request) else {
                throw CancellationError()
            }
            let agent = try patch.applied(to: pod).at("spec", "containers")?.array?.first {
                $0["name"] == "traffic-agent"
            }
            return (try #require(agent), try #require(config.containers.first))
        }
        let (agent, container) = try inject(InjectorTests.pod)
        #expect(container.mounts == ["/data"])
        #expect(container.localMounts == ["/logs"])
        let mount = agent["volumeMounts"]?.array?.first { $0["mountPath"] == "/tel_app_mounts/main/data" }
        #expect(mount?["readOnly"] == true)

        var pod = InjectorTests.pod
        pod["metadata"]?["annotations"] = ["telepresence.io/mount-policies": #"{"/logs": "Remote", "/data": "Ignore"}"#]
        let (_, other) = try inject(pod)
        #expect(other.mounts == ["/logs"])
        #expect(other.localMounts == [])
    }
}
