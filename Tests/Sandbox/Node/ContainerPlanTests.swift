import Cluster
import Testing

@testable import Sandbox

@Suite struct ContainerPlanTests {
    static let pod: JSONValue = [
        "metadata": [
            "name": "web-1", "namespace": "shop", "uid": "u-1", "labels": ["app": "web"],
            "annotations": ["note": "say \"hi\""],
        ],
        "spec": [
            "nodeName": "sandbox", "serviceAccountName": "robot",
            "securityContext": ["runAsUser": 1000, "fsGroup": 2000],
            "containers": [["name": "app", "resources": ["limits": ["memory": "64Mi", "cpu": "1500m"]]]],
        ],
    ]
    static let fields = PodFields(pod: pod, podAddress: "10.244.0.9", nodeAddress: "172.30.0.2")
    static let objects: [String: JSONValue] = [
        "configmaps/settings": ["data": ["color": "red", "size": "1"]],
        "secrets/keys": ["data": ["word": "eHl6enk="]],
    ]

    static func environment(
        _ container: JSONValue,
        services: [String: String] = [:]
    ) throws(RuntimeError) -> [String: String] {
        try ContainerEnvironment(container: container, fields: self.fields, services: services) { kind, name in
            self.objects["\(kind.plural)/\(name)"]
        }.values
    }

    @Test(
        "the environment comes from values, fields, resources, ConfigMaps and Secrets, and later entries see earlier ones"
    )
    func environment() throws {
        let values = try Self.environment(
            [
                "resources": ["limits": ["memory": "64Mi", "cpu": "1500m"]],
                "envFrom": [
                    ["configMapRef": ["name": "settings"], "prefix": "CFG_"], ["secretRef": ["name": "keys"]],
                ],
                "env": [
                    ["name": "A", "value": "a"], ["name": "B", "value": "$(A)-$(CFG_color)-$(NONE)-$$(A)-$"],
                    ["name": "IP", "valueFrom": ["fieldRef": ["fieldPath": "status.podIP"]]],
                    ["name": "APP", "valueFrom": ["fieldRef": ["fieldPath": "metadata.labels['app']"]]],
                    [
                        "name": "MEM",
                        "valueFrom": ["resourceFieldRef": ["resource": "limits.memory", "divisor": "1Mi"]],
                    ],
                    ["name": "CPU", "valueFrom": ["resourceFieldRef": ["resource": "limits.cpu"]]],
                    ["name": "W", "valueFrom": ["secretKeyRef": ["name": "keys", "key": "word"]]],
                    ["name": "O", "valueFrom": ["configMapKeyRef": ["name": "no", "key": "x", "optional": true]]],
                ],
            ],
            services: ["A": "service"]
        )
        #expect(values["B"] == "a-red-$(NONE)-$(A)-$")
        #expect(values["IP"] == "10.244.0.9" && values["APP"] == "web" && values["MEM"] == "64" && values["CPU"] == "2")
        #expect(values["W"] == "xyzzy" && values["word"] == "xyzzy" && values["CFG_size"] == "1" && values["O"] == nil)
    }

    @Test(
        "what is missing is named as the kubelet names it",
        arguments: [
            ("{\"envFrom\":[{\"configMapRef\":{\"name\":\"no\"}}]}", "configmap \"no\" not found"),
            (
                "{\"env\":[{\"name\":\"A\",\"valueFrom\":{\"secretKeyRef\":{\"name\":\"keys\",\"key\":\"x\"}}}]}",
                "couldn't find key x in Secret shop/keys"
            ),
            (
                "{\"env\":[{\"name\":\"A\",\"valueFrom\":{\"fieldRef\":{\"fieldPath\":\"spec.x\"}}}]}",
                "unsupported fieldPath: spec.x"
            ),
        ]
    )
    func missing(container: String, message: String) throws {
        let value = try JSONValue.parse(container)
        let error = #expect(throws: RuntimeError.self) { try Self.environment(value) }
        #expect(error?.description == message)
    }

    @Test("a container gets its command, user, capabilities and mounts")
    func plan() throws {
        let spec = try ContainerPlan.make(
            id: "app-0",
            container: [
                "name": "app", "args": ["--x=$(A)"], "env": [["name": "A", "value": "1"]],
                "securityContext": [
                    "capabilities": ["drop": ["ALL"], "add": ["NET_ADMIN", "CAP_NET_RAW"]],
                    "allowPrivilegeEscalation": false,
                ],
                "volumeMounts": [
                    ["name": "b", "mountPath": "/data/inner"], ["name": "a", "mountPath": "/data", "readOnly": true],
                ],
            ],
            image: ImageTable.Image(entrypoint: ["/bin/app"], directory: "/bin/x"),
            fields: Self.fields,
            services: [:],
            files: [:],
            find: { _, _ in nil }
        )
        #expect(spec.arguments == ["/bin/app", "--x=1"])
        #expect(spec.user == 1000 && spec.groups == [2000] && spec.noNewPrivileges)
        #expect(spec.capabilities == 1 << 12 | 1 << 13)
        #expect(spec.mounts.map(\.path) == ["/data", "/data/inner"])
        #expect(spec.environment.contains("PATH=/bin/x:/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"))
        #expect(ContainerSpec(message: try JSONValue.parse(spec.message.serialized())) == spec)
    }

    @Test("the usual container may not administer the network")
    func capabilities() {
        #expect(Capabilities.of(nil) & Capabilities.bits(["NET_ADMIN", "SYS_ADMIN"]) == 0)
        #expect(Capabilities.of(nil) & Capabilities.bits(["NET_RAW"]) != 0)
        #expect(Capabilities.of(["privileged": true]) == Capabilities.all)
    }

    @Test("volumes hold the files that their sources name, and say what is missing")
    func volumes() throws {
        var pod = Self.pod
        pod.set(
            "spec",
            "volumes",
            to: [
                ["name": "one", "configMap": ["name": "settings", "items": [["key": "color", "path": "c/olor"]]]],
                [
                    "name": "all",
                    "projected": [
                        "sources": [
                            ["secret": ["name": "keys"]],
                            ["serviceAccountToken": ["path": "token", "audience": "them", "expirationSeconds": 700]],
                            [
                                "downwardAPI": [
                                    "items": [["path": "notes", "fieldRef": ["fieldPath": "metadata.annotations"]]]
                                ]
                            ],
                        ]
                    ],
                ], ["name": "empty", "emptyDir": [:]],
            ]
        )
        func plan(_ pod: JSONValue) -> PodVolumePlan {
            PodVolumePlan(
                fields: PodFields(pod: pod, podAddress: "", nodeAddress: ""),
                find: { kind, name in Self.objects["\(kind.plural)/\(name)"] },
                token: { "token for \($0.audiences) \($0.lifetime)" }
            )
        }
        let volumes = Dictionary(uniqueKeysWithValues: try plan(pod).volumes().map { ($0.name, $0.volume) })
        #expect(volumes["one"] == .files([VolumeSpec.File(path: "c/olor", content: Array("red".utf8))]))
        guard case .files(let files)? = volumes["all"] else { return #expect(Bool(false)) }
        let texts = Dictionary(
            uniqueKeysWithValues: files.map { ($0.path, String(decoding: $0.content, as: UTF8.self)) }
        )
        #expect(texts["word"] == "xyzzy" && texts["token"] == "token for [\"them\"] 700")
        #expect(texts["notes"] == "note=\"say \\\"hi\\\"\"")
        let all = try #require(volumes["all"])
        #expect(VolumeSpec(message: try JSONValue.parse(all.message(name: "all", group: 1).serialized())) == all)
        pod.set("spec", "volumes", to: [["name": "x", "secret": ["secretName": "none"]]])
        let error = #expect(throws: RuntimeError.self) { try plan(pod).volumes() }
        #expect(error?.description == "MountVolume.SetUp failed for volume \"x\" : secret \"none\" not found")
    }

    @Test("a pod's resolver and hosts follow its DNS policy")
    func files() {
        var pod = Self.pod
        func resolver(_ pod: JSONValue) -> String? {
            ContainerPlan.files(pod, address: "10.244.0.9", dns: "10.96.0.10", domain: "cluster.local")[
                "/etc/resolv.conf"
            ]
        }
        #expect(
            resolver(pod)
                == "nameserver 10.96.0.10\nsearch shop.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n"
        )
        pod.set("spec", "dnsConfig", to: ["options": [["name": "ndots", "value": "2"]], "nameservers": ["1.2.3.4"]])
        #expect(resolver(pod)?.contains("nameserver 1.2.3.4\n") == true)
        #expect(resolver(pod)?.contains("options ndots:2\n") == true)
        pod.set("spec", "dnsPolicy", to: "None")
        #expect(resolver(pod) == "nameserver 1.2.3.4\noptions ndots:2\n")
    }

    @Test(
        "quantities are read",
        arguments: [("64Mi", 67_108_864), ("1500m", 1.5), ("2", 2), ("1e3", 1000), ("0.5Gi", 536_870_912)]
            as [(String, Double)]
    )
    func quantities(text: String, value: Double) {
        #expect(Quantity.parse(text) == value)
        #expect(Quantity.parse("12 apples") == nil)
    }
}
