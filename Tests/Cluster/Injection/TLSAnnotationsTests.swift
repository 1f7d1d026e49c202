import Testing

@testable import Cluster

@Suite struct TLSAnnotationsTests {
    private static let root = "/var/run/secrets/telepresence-tls"

    /// A pod with a TLS port by name, one by number, and certificates in two places.
    private static func pod(_ annotations: [String: String]) -> JSONValue {
        [
            "metadata": [
                "labels": ["app": "echo"],
                "annotations": .object(annotations.mapValues { .string($0) }),
            ],
            "spec": [
                "containers": [
                    [
                        "name": "main", "image": "echo",
                        "ports": [
                            ["name": "https", "containerPort": 8443], ["containerPort": 9443],
                            ["name": "dns", "containerPort": 53, "protocol": "UDP"],
                            ["name": "spare", "containerPort": 7000],
                        ],
                        "volumeMounts": [
                            ["name": "certs", "mountPath": "/etc/certs/"],
                            ["name": "certs", "mountPath": "/part", "subPath": "part"],
                            ["name": "certs", "mountPath": "/own", "subPathExpr": "$(POD)"],
                        ],
                    ]
                ],
                "volumes": [
                    ["name": "certs", "secret": ["secretName": "app-cert"]],
                    ["name": "tel-agent-tls-2", "emptyDir": .emptyObject],
                ],
            ],
        ]
    }

    private static let services: [JSONValue] = [
        [
            "metadata": ["name": "echo"],
            "spec": [
                "clusterIP": "10.0.0.1", "selector": ["app": "echo"],
                "ports": [
                    ["port": 443, "targetPort": "https"], ["port": 444, "targetPort": 9443],
                    ["port": 53, "targetPort": "dns", "protocol": "UDP"],
                ],
            ],
        ]
    ]

    private static func inject(
        _ annotations: [String: String]
    ) throws -> (pod: JSONValue, config: AgentConfig, warnings: [String]) {
        let pod = pod(annotations)
        let outcome = Injector(settings: InjectorTests.settings).inject(
            InjectionRequest(
                pod: pod,
                namespace: "default",
                workload: InjectionRequest.Workload(kind: "Deployment", name: "echo"),
                services: services
            )
        )
        guard case .inject(let patch, let config, let warnings) = outcome else {
            Issue.record("not injected: \(outcome)")
            throw CancellationError()
        }
        return (try patch.applied(to: pod), config, warnings)
    }

    private static func mounts(of pod: JSONValue) -> [JSONValue] {
        let agent = pod.at("spec", "containers")?.array?.first { $0["name"] == "traffic-agent" }
        return (agent?["volumeMounts"]?.array ?? []).filter {
            $0["mountPath"]?.string?.hasPrefix(root) == true
        }
    }

    @Test("secrets are mounted into the agent, once each, and may be missing") func secrets() throws {
        let (pod, config, warnings) = try Self.inject([
            "telepresence.io/downstream-tls-secret.https": "echo-tls",
            "telepresence.io/downstream-tls-secret.9443": "echo-tls",
            "telepresence.io/upstream-tls-secret.8443": " client-tls ",
            "telepresence.io/upstream-insecure-skip-verify.9443": "enabled",
            "telepresence.io/upstream-probe-timeout.9443": "500ms",
        ])
        #expect(warnings.isEmpty)
        #expect(
            config.ports.map(\.tls) == [
                AgentConfig.TLS(
                    downstream: "\(Self.root)/secret/echo-tls",
                    upstream: "\(Self.root)/secret/client-tls"
                ),
                AgentConfig.TLS(
                    downstream: "\(Self.root)/secret/echo-tls",
                    skipsVerification: true,
                    probeTimeout: 500
                ),
                nil,
            ]
        )
        let volumes = (pod.at("spec", "volumes")?.array ?? []).filter { $0["secret"]?["optional"] == true }
        #expect(
            volumes == [
                ["name": "tel-agent-tls-1", "secret": ["secretName": "echo-tls", "optional": true]],
                // The pod has a volume of the plain name.
                ["name": "tel-agent-tls-1002", "secret": ["secretName": "client-tls", "optional": true]],
            ]
        )
        #expect(
            Self.mounts(of: pod) == [
                ["name": "tel-agent-tls-1", "mountPath": "\(Self.root)/secret/echo-tls", "readOnly": true],
                ["name": "tel-agent-tls-1002", "mountPath": "\(Self.root)/secret/client-tls", "readOnly": true],
            ]
        )
        #expect(try AgentConfig(json: config.json.text) == config)
    }

    @Test("a path in the app's container is mounted into the agent, whatever its volume's policy says") func paths()
        throws
    {
        let (pod, config, warnings) = try Self.inject([
            "telepresence.io/downstream-tls-path.8443": "/etc/certs/server/",
            "telepresence.io/upstream-tls-path.8443": "/part",
            "telepresence.io/mount-policies": #"{"/": "Ignore"}"#,
        ])
        #expect(warnings.isEmpty)
        #expect(
            config.ports.first?.tls
                == AgentConfig.TLS(
                    downstream: "\(Self.root)/path/main/etc/certs/server",
                    upstream: "\(Self.root)/path/main/part"
                )
        )
        #expect(
            Self.mounts(of: pod) == [
                ["name": "certs", "mountPath": "\(Self.root)/path/main/etc/certs", "readOnly": true],
                ["name": "certs", "mountPath": "\(Self.root)/path/main/part", "readOnly": true, "subPath": "part"],
            ]
        )
    }

    /// An annotation that is wrong, and what is said about it.
    struct Wrong: Sendable, CustomTestStringConvertible {
        let annotations: [String: String]
        let word: String
        var testDescription: String { word }
    }

    @Test(
        "what is wrong is said, and that port's TLS is passed on as it is",
        arguments: [
            Wrong(annotations: ["downstream-tls-secret.8444": "s"], word: "no container has a port 8444"),
            Wrong(annotations: ["downstream-tls-secret.spare": "s"], word: "no service leads to TCP port spare"),
            Wrong(annotations: ["downstream-tls-secret.dns": "s"], word: "no service leads to TCP port dns"),
            Wrong(annotations: ["downstream-tls-secret": "s"], word: "downstream-tls-secret.PORT"),
            Wrong(annotations: ["downstream-tls-secret.https": " "], word: "is empty"),
            Wrong(annotations: ["downstream-tls-secret.https": "../x"], word: "cannot be the name of a secret"),
            Wrong(annotations: ["downstream-tls-path.https": "etc/certs"], word: "no absolute path"),
            Wrong(annotations: ["downstream-tls-path.https": "/etc/certs/../x"], word: "no absolute path"),
            Wrong(annotations: ["downstream-tls-path.https": "/etc/cert"], word: "no volume mounted at /etc/cert"),
            Wrong(annotations: ["downstream-tls-path.https": "/own/x"], word: "a part of a volume"),
            Wrong(
                annotations: ["downstream-tls-secret.https": "s", "downstream-tls-path.8443": "/etc/certs"],
                word: "both downstream-tls-secret and downstream-tls-path"
            ),
            Wrong(
                annotations: ["downstream-tls-secret.https": "s", "downstream-tls-secret.8443": "t"],
                word: "two annotations downstream-tls-secret"
            ),
            Wrong(annotations: ["upstream-tls-secret.https": "s"], word: "without downstream-tls-secret"),
            Wrong(
                annotations: [
                    "downstream-tls-secret.https": "s", "upstream-insecure-skip-verify.https": "perhaps",
                ],
                word: "neither enabled nor disabled"
            ),
            Wrong(
                annotations: ["downstream-tls-secret.https": "s", "upstream-probe-timeout.https": "2 weeks"],
                word: "1ms to 10m"
            ),
        ]
    )
    func wrong(example: Wrong) throws {
        let annotations = example.annotations.map { ("telepresence.io/" + $0.key, $0.value) }
        let (pod, config, warnings) = try Self.inject(Dictionary(uniqueKeysWithValues: annotations))
        #expect(config.ports.allSatisfy { $0.tls == nil })
        #expect(Self.mounts(of: pod).isEmpty)
        #expect(warnings.count == 1 && warnings.first?.contains(example.word) == true, "\(warnings)")
        // The agent refuses filters with the same words.
        let isOfPort = example.annotations.keys.contains { $0.hasSuffix(".https") || $0.hasSuffix(".8443") }
        #expect(config.ports.compactMap(\.tlsProblem) == (isOfPort ? warnings : []))
        #expect(try AgentConfig(json: config.json.text) == config)
    }

    @Test("an agent in an ephemeral container has certificates by path, but no secrets") func ephemeral() throws {
        var pod = Self.pod([
            "telepresence.io/downstream-tls-secret.9443": "s",
            "telepresence.io/downstream-tls-path.8443": "/etc/certs",
        ])
        let token: JSONValue = ["serviceAccountToken": ["expirationSeconds": 3607, "path": "token"]]
        let volumes = pod.at("spec", "volumes")?.array ?? []
        pod["spec"]?["volumes"] = .array(volumes + [["name": "t", "projected": ["sources": [token]]]])
        let outcome = Injector(settings: InjectorTests.settings).ephemeral(
            InjectionRequest(
                pod: pod,
                namespace: "default",
                workload: InjectionRequest.Workload(kind: "Deployment", name: "echo"),
                services: Self.services
            )
        )
        guard case .container(let container, let config, let warnings) = outcome else {
            Issue.record("no container: \(outcome)")
            return
        }
        let place = "\(Self.root)/path/main/etc/certs"
        #expect(config.ports.map { $0.tls?.downstream } == [place, nil, nil])
        #expect(container["volumeMounts"]?.array?.contains { $0["mountPath"]?.string == place } == true)
        #expect(warnings.contains { $0.contains("ephemeral") && $0.contains("secret s") }, "\(warnings)")
    }

    @Test(
        "lengths of time",
        arguments: [("500ms", 500), ("2s", 2000), ("1.5s", 1500), ("1m", 60_000), ("10m", 600_000)]
    )
    func times(text: String, expected: Int) {
        #expect(TLSAnnotations.milliseconds(text) == expected)
    }

    @Test(
        "what is no length of time",
        arguments: ["", "s", "5", "-1s", "0s", "11m", "1h", "1e3s", "nans", "1..2s", " 2s"]
    )
    func noTimes(text: String) {
        #expect(TLSAnnotations.milliseconds(text) == nil)
    }
}
