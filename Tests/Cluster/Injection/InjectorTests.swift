import Cluster
import Testing

@Suite struct InjectorTests {
    static let settings = InjectorSettings(
        agentImage: "telepresence/traffic:dev",
        managerHost: "traffic-manager.ambassador.svc",
        managerCA: "-----BEGIN CERTIFICATE-----\nMII\n-----END CERTIFICATE-----\n"
    )
    let injector = Injector(settings: settings)
    let workload = InjectionRequest.Workload(kind: "Deployment", name: "echo")

    static let pod: JSONValue = [
        "metadata": ["generateName": "echo-7d4-", "labels": ["app": "echo"]],
        "spec": [
            "containers": [
                [
                    "name": "main",
                    "image": "echo",
                    "ports": [["name": "http", "containerPort": 8080], ["name": "metrics", "containerPort": 9900]],
                    "env": [
                        ["name": "GREETING", "value": "hello $(USER_NAME) $$(GREETING)"],
                        ["name": "USER_NAME", "valueFrom": ["secretKeyRef": ["name": "s", "key": "u"]]],
                        ["name": "LONG", "value": "$(GREETING), $(USER_NAME), $(DB_SERVICE_HOST)"],
                        ["name": "CPU", "valueFrom": ["resourceFieldRef": ["resource": "limits.cpu"]]],
                    ],
                    "volumeMounts": [
                        ["name": "data", "mountPath": "/data", "mountPropagation": "Bidirectional"],
                        ["name": "data", "mountPath": "/logs", "subPathExpr": "$(USER_NAME)/logs"],
                    ],
                    "readinessProbe": ["httpGet": ["path": "/", "port": "http"]],
                    "livenessProbe": ["httpGet": ["path": "/", "port": 8080]],
                    "lifecycle": ["preStop": ["httpGet": ["path": "/bye", "port": "http"]]],
                ]
            ],
            "volumes": [["name": "data", "emptyDir": .emptyObject]],
        ],
    ]

    static func service(
        _ name: String = "echo",
        targetPort: JSONValue?,
        port: Int64 = 80,
        clusterIP: String = "10.0.0.1",
        transport: String? = nil
    ) -> JSONValue {
        var entry: JSONValue = ["name": "web", "port": .integer(port)]
        entry["targetPort"] = targetPort
        entry["protocol"] = transport.map { .string($0) }
        return [
            "metadata": ["name": .string(name)],
            "spec": ["clusterIP": .string(clusterIP), "selector": ["app": "echo"], "ports": [entry]],
        ]
    }

    private func inject(
        _ pod: JSONValue,
        _ services: [JSONValue],
        labels: [String: String] = [:],
        replaced: Set<String> = []
    ) throws -> (pod: JSONValue, config: AgentConfig, warnings: [String]) {
        let outcome = injector.inject(
            InjectionRequest(
                pod: pod,
                namespace: "default",
                workload: workload,
                services: services,
                namespaceLabels: labels,
                replaced: replaced
            )
        )
        guard case .inject(let patch, let config, let warnings) = outcome else {
            Issue.record("not injected: \(outcome)")
            throw CancellationError()
        }
        return (try patch.applied(to: pod), config, warnings)
    }

    private func container(_ name: String, of pod: JSONValue, in list: String = "containers") throws -> JSONValue {
        try #require(pod.at("spec", list)?.array?.first { $0["name"]?.string == name })
    }

    private func variable(_ name: String, of container: JSONValue) -> JSONValue? {
        container["env"]?.array?.first { $0["name"]?.string == name }
    }

    @Test("a named target port is taken over by its name, and probes and hooks follow the app") func named() throws {
        let (pod, config, warnings) = try inject(Self.pod, [Self.service(targetPort: "http")])
        let app = try container("main", of: pod)
        #expect(app["ports"]?[0] == ["name": "tm-http", "containerPort": 8080])
        #expect(app["ports"]?[1] == ["name": "metrics", "containerPort": 9900])
        #expect(app.at("readinessProbe", "httpGet", "port") == "tm-http")
        #expect(app.at("livenessProbe", "httpGet", "port") == 8080)
        #expect(app.at("lifecycle", "preStop", "httpGet", "port") == "tm-http")
        let agent = try container("traffic-agent", of: pod)
        // 9900 is the app's.
        #expect(agent["ports"] == [["name": "http", "containerPort": 9901, "protocol": "TCP"]])
        #expect(pod.at("spec", "initContainers") == nil)
        #expect(
            config.ports == [
                AgentConfig.Port(
                    container: "main",
                    name: "http",
                    transport: "tcp",
                    containerPort: 8080,
                    agentPort: 9901,
                    redirected: false,
                    services: [AgentConfig.ServicePort(service: "echo", name: "web", port: 80)]
                )
            ]
        )
        #expect(warnings.isEmpty)
    }

    @Test("a replaced container makes way: nothing of it runs, and all its ports are the agent's")
    func replaced() throws {
        let services = [Self.service(targetPort: "http"), Self.service("low", targetPort: 8080)]
        let (pod, config, _) = try inject(Self.pod, services, labels: [:], replaced: ["main"])
        let standIn = try container("main", of: pod)
        #expect(standIn["command"] == ["traffic", "stand-in"] && standIn["image"] == "telepresence/traffic:dev")
        for field in ["ports", "env", "volumeMounts", "readinessProbe", "livenessProbe", "lifecycle"] {
            #expect(standIn[field] == nil, "\(field)")
        }
        // The agent listens on the very ports, so that nothing need be redirected.
        #expect(pod.at("spec", "initContainers") == nil)
        #expect(config.ports.map(\.containerPort) == [8080, 9900])
        #expect(config.ports.map(\.agentPort) == [8080, 9900])
        #expect(config.ports.allSatisfy { $0.isReplaced && !$0.redirected })
        #expect(config.replacedContainers == ["main"])
        let agent = try container("traffic-agent", of: pod)
        #expect(agent["ports"]?[0] == ["name": "http", "containerPort": 8080, "protocol": "TCP"])
        #expect(agent["ports"]?[1] == ["name": "metrics", "containerPort": 9900, "protocol": "TCP"])
        #expect(variable("_TEL_APP_A_CPU", of: agent) != nil)
        #expect(InjectionAnnotations.replacedContainers(of: pod) == ["main"])
        #expect(try AgentConfig(json: config.json.text) == config)
    }

    @Test("the containers beside a replaced one go on, and ports below 1024 are redirected")
    func replacedBeside() throws {
        let pod: JSONValue = [
            "metadata": ["labels": ["app": "echo"]],
            "spec": [
                "containers": [
                    ["name": "main", "image": "echo", "ports": [["containerPort": 80]]],
                    ["name": "side", "image": "side", "ports": [["name": "s", "containerPort": 9090]]],
                ]
            ],
        ]
        let (changed, config, _) = try inject(pod, [Self.service(targetPort: 80)], replaced: ["main", "nobody"])
        #expect(try container("side", of: changed) == pod.at("spec", "containers")?[1])
        #expect(config.replacedContainers == ["main"])
        #expect(config.ports.map(\.redirected) == [true] && config.ports.map(\.containerPort) == [80])
        #expect(try container("tel-agent-init", of: changed, in: "initContainers")["command"] != nil)
    }

    @Test("the agent runs without privilege, ready when its file is there") func agentContainer() throws {
        let (pod, config, _) = try inject(Self.pod, [Self.service(targetPort: "http")])
        let agent = try container("traffic-agent", of: pod)
        #expect(agent["image"] == "telepresence/traffic:dev")
        #expect(agent["command"] == ["traffic", "agent"])
        #expect(agent.at("securityContext", "runAsNonRoot") == true)
        #expect(agent.at("securityContext", "runAsUser") == 7439)
        #expect(agent.at("securityContext", "capabilities", "drop") == ["ALL"])
        #expect(agent.at("securityContext", "seccompProfile", "type") == "RuntimeDefault")
        #expect(agent.at("readinessProbe", "exec", "command") == ["traffic", "ready", "/tmp/agent/ready"])
        let text = try #require(variable(AgentConfig.environmentName, of: agent)?["value"]?.string)
        #expect(try AgentConfig(json: text) == config)
        #expect(variable("TELEPRESENCE_MANAGER_CA", of: agent)?["value"]?.string == Self.settings.managerCA)
        #expect(variable("TELEPRESENCE_MANAGER_HOST", of: agent)?["value"] == "traffic-manager.ambassador.svc")
        #expect(variable("TELEPRESENCE_MANAGER_PORT", of: agent)?["value"] == "8081")
        #expect(
            variable("TELEPRESENCE_POD_IP", of: agent)?.at("valueFrom", "fieldRef", "fieldPath") == "status.podIP"
        )
        #expect(pod.at("metadata", "labels", "telepresence.io/workloadName") == "echo")
        #expect(pod.at("metadata", "labels", "telepresence.io/workloadKind") == "Deployment")
        #expect(pod.at("metadata", "labels", "app") == "echo")
        #expect(pod.at("metadata", "annotations", InjectionAnnotations.injected) == "telepresence/traffic:dev")
        var other = Self.pod
        func user() throws -> JSONValue? {
            try container("traffic-agent", of: try inject(other, []).pod).at("securityContext", "runAsUser")
        }
        other["spec"]?["securityContext"] = ["runAsUser": 0]
        #expect(try user() == 7439)
        other["spec"]?["securityContext"] = ["runAsUser": 1000]
        #expect(try user() == nil)
        other["spec"]?["containers"]?[0]?["securityContext"] = ["runAsUser": 1001]
        #expect(try user() == 1001)
    }

    @Test("the app's environment and mounts are mirrored for Kubernetes to fill in") func mirrored() throws {
        let (pod, config, _) = try inject(Self.pod, [Self.service(targetPort: "http")])
        let agent = try container("traffic-agent", of: pod)
        func value(_ name: String) -> String? { variable("_TEL_APP_A_" + name, of: agent)?["value"]?.string }
        // USER_NAME stands behind GREETING: Kubernetes leaves the reference as it is, here as there.
        #expect(value("GREETING") == "hello $(USER_NAME) $$(GREETING)")
        #expect(value("LONG") == "$(_TEL_APP_A_GREETING), $(_TEL_APP_A_USER_NAME), $(DB_SERVICE_HOST)")
        #expect(variable("_TEL_APP_A_USER_NAME", of: agent)?.at("valueFrom", "secretKeyRef", "key") == "u")
        #expect(
            variable("_TEL_APP_A_CPU", of: agent)?.at("valueFrom", "resourceFieldRef")
                == ["resource": "limits.cpu", "containerName": "main"]
        )
        #expect(
            agent["volumeMounts"]?.array?.dropFirst(2) == [
                ["name": "data", "mountPath": "/tel_app_mounts/main/data"],
                [
                    "name": "data", "mountPath": "/tel_app_mounts/main/logs",
                    "subPathExpr": "$(_TEL_APP_A_USER_NAME)/logs",
                ],
            ]
        )
        #expect(
            config.containers == [
                AgentConfig.Container(
                    name: "main",
                    environmentPrefix: "_TEL_APP_A_",
                    mountPoint: "/tel_app_mounts/main",
                    mounts: ["/data", "/logs"]
                )
            ]
        )
        var sourced = Self.pod
        sourced["spec"]?["containers"]?[0]?["envFrom"] = [["prefix": "P_", "configMapRef": ["name": "c"]]]
        let other = try container("traffic-agent", of: try inject(sourced, []).pod)
        #expect(other["envFrom"] == [["prefix": "_TEL_APP_A_P_", "configMapRef": ["name": "c"]]])
    }

    struct ByNumber: Sendable, CustomTestStringConvertible {
        let testDescription: String
        let service: JSONValue
        let port: Int
    }

    @Test(
        "numeric target ports and headless services are redirected, past the agent for probes",
        arguments: [
            ByNumber(testDescription: "numeric", service: service(targetPort: 8080), port: 8080),
            ByNumber(testDescription: "numeric as text", service: service(targetPort: "8080"), port: 8080),
            ByNumber(testDescription: "without targetPort", service: service(targetPort: nil, port: 8080), port: 8080),
            ByNumber(testDescription: "headless", service: service(targetPort: "http", clusterIP: "None"), port: 8080),
        ]
    )
    func redirected(example: ByNumber) throws {
        let (pod, config, _) = try inject(Self.pod, [example.service])
        let app = try container("main", of: pod)
        #expect(app["ports"]?[0]?["name"] == "http")
        #expect(app.at("readinessProbe", "httpGet", "port") == 10900)
        #expect(app.at("livenessProbe", "httpGet", "port") == 10900)
        let initial = try container("tel-agent-init", of: pod, in: "initContainers")
        let text = try #require(variable(PortRedirect.environmentName, of: initial)?["value"]?.string)
        #expect(
            PortRedirect.parse(text) == [
                PortRedirect(transport: "tcp", from: example.port, to: 9901),
                PortRedirect(transport: "tcp", from: 10900, to: example.port),
            ]
        )
        #expect(initial["command"] == ["traffic", "agent-init"])
        #expect(initial.at("securityContext", "capabilities") == ["drop": ["ALL"], "add": ["NET_ADMIN"]])
        #expect(initial.at("securityContext", "runAsUser") == 0)
        #expect(config.ports.map(\.redirected) == [true])
        #expect(config.ports.map(\.agentPort) == [9901])
        #expect(config.ports.map(\.containerPort) == [example.port])
    }

    @Test("several containers, ports and protocols get a port of the agent each") func several() throws {
        var pod = Self.pod
        pod["spec"]?["containers"] = [
            ["name": "web", "ports": [["name": "http", "containerPort": 8080]]],
            [
                "name": "dns",
                "ports": [
                    ["name": "dns", "containerPort": 53, "protocol": "UDP"], ["name": "dns", "containerPort": 5353],
                ],
            ],
        ]
        let services = [
            Self.service(targetPort: "http"), Self.service("alias", targetPort: "http", port: 81),
            Self.service("dns", targetPort: "dns", port: 53, transport: "UDP"),
            Self.service("raw", targetPort: 7000, port: 7000),
            Self.service("odd", targetPort: 7000, port: 7000, transport: "SCTP"),
        ]
        let (patched, config, warnings) = try inject(pod, services)
        #expect(config.ports.map(\.container) == ["web", "dns", "web"])
        #expect(config.ports.map(\.transport) == ["tcp", "udp", "tcp"])
        #expect(config.ports.map(\.containerPort) == [8080, 53, 7000])
        #expect(config.ports.map(\.agentPort) == [9900, 9901, 9902])
        #expect(config.ports.map(\.redirected) == [false, false, true])
        #expect(config.ports[0].services.map(\.service) == ["echo", "alias"])
        #expect(warnings == ["port 7000 of service odd is sctp: left alone"])
        let dns = try container("dns", of: patched)
        #expect(dns["ports"]?[0]?["name"] == "tm-dns")
        #expect(config.containers.map(\.environmentPrefix) == ["_TEL_APP_A_", "_TEL_APP_B_"])
    }

    @Test("annotations choose services, service ports and container ports") func annotations() throws {
        let services = [Self.service(targetPort: "http"), Self.service("metrics", targetPort: "metrics", port: 90)]
        var pod = Self.pod
        pod["metadata"]?["annotations"] = ["telepresence.io/inject-service-name": "metrics, gone"]
        var result = try inject(pod, services)
        #expect(result.config.ports.map(\.name) == ["metrics"])
        #expect(result.warnings == ["no service gone selects this pod (telepresence.io/inject-service-name)"])
        pod["metadata"]?["annotations"] = ["telepresence.io/inject-service-ports": "80"]
        result = try inject(pod, services)
        #expect(result.config.ports.map(\.name) == ["http"])
        pod["metadata"]?["annotations"] = ["telepresence.io/inject-container-ports": "metrics,7000/udp"]
        result = try inject(pod, [])
        #expect(result.config.ports.map(\.containerPort) == [9900, 7000])
        #expect(result.config.ports.map(\.transport) == ["tcp", "udp"])
        #expect(result.config.ports.map(\.redirected) == [true, true])
        pod["metadata"]?["annotations"] = ["telepresence.io/inject-ignore-volume-mounts": "data"]
        result = try inject(pod, [])
        #expect(result.config.containers.first?.mounts == [])
        #expect(result.warnings == ["no service leads to this pod: only its environment and volumes are served"])
    }

    @Test("a service that does not select the pod changes nothing") func selectors() throws {
        var other = Self.service(targetPort: "http")
        other["spec"]?["selector"] = ["app": "other"]
        var external = Self.service(targetPort: "http")
        external["spec"]?["type"] = "ExternalName"
        var none = Self.service(targetPort: "http")
        none["spec"]?["selector"] = .emptyObject
        #expect(try inject(Self.pod, [other, external, none]).config.ports.isEmpty)
    }

    @Test("a pod with an agent is left as it is") func idempotent() throws {
        let services = [Self.service(targetPort: 8080)]
        let once = try inject(Self.pod, services).pod
        let request = InjectionRequest(pod: once, namespace: "default", workload: workload, services: services)
        #expect(injector.inject(request) == .present)
    }

    struct Refusal: Sendable, CustomTestStringConvertible {
        let pod: JSONValue
        let words: String
        var testDescription: String { words }
    }

    @Test(
        "what rules an agent out is said in words",
        arguments: [
            Refusal(pod: ["spec": ["hostNetwork": true, "containers": [["name": "a"]]]], words: "hostNetwork"),
            Refusal(
                pod: [
                    "metadata": ["annotations": ["telepresence.io/inject-traffic-agent": "disabled"]],
                    "spec": ["containers": [["name": "a"]]],
                ],
                words: "forbids"
            ),
            Refusal(pod: ["spec": ["os": ["name": "windows"], "containers": [["name": "a"]]]], words: "Windows"),
            Refusal(pod: ["spec": ["containers": []]], words: "no containers"),
            Refusal(pod: 7, words: "no containers"),
            Refusal(pod: ["spec": ["volumes": 5, "containers": [["name": "a"]]]], words: "volumes"),
            Refusal(pod: ["metadata": ["labels": [1]], "spec": ["containers": [["name": "a"]]]], words: "labels"),
        ]
    )
    func refused(example: Refusal) {
        let request = InjectionRequest(pod: example.pod, namespace: "default", workload: workload, services: [])
        guard case .refused(let reason) = injector.inject(request) else {
            Issue.record("not refused")
            return
        }
        #expect(reason.contains(example.words))
    }

    @Test("where pod security forbids the init container, only names are taken over") func podSecurity() throws {
        let labels = ["pod-security.kubernetes.io/enforce": "restricted"]
        let services = [Self.service(targetPort: "http"), Self.service("m", targetPort: 9900, port: 9900)]
        let (pod, config, warnings) = try inject(Self.pod, services, labels: labels)
        #expect(config.ports.map(\.name) == ["http"])
        #expect(pod.at("spec", "initContainers") == nil)
        #expect(warnings.count == 1)
        let request = InjectionRequest(
            pod: Self.pod,
            namespace: "default",
            workload: workload,
            services: [Self.service(targetPort: 8080)],
            namespaceLabels: labels
        )
        guard case .refused(let reason) = injector.inject(request) else {
            Issue.record("not refused")
            return
        }
        #expect(reason.contains("8080/tcp"))
    }

    @Test(
        "an app's port gets a name that Kubernetes accepts",
        arguments: [
            ("http", [], "tm-http"), ("a-very-long-name", [], "tm-a-very-long"),
            ("abcdefghijklmno", [], "tm-abcdefghijkl"),
            ("http", ["tm-http"], "tm-http-2"), ("abcdefghijklmno", ["tm-abcdefghijkl"], "tm-abcdefghij-2"),
        ] as [(String, [String], String)]
    )
    func portNames(name: String, taken: [String], expected: String) throws {
        var pod = Self.pod
        let ports = ([name] + taken).enumerated().map { index, name -> JSONValue in
            ["name": .string(name), "containerPort": .integer(Int64(8000 + index))]
        }
        pod["spec"]?["containers"]?[0]?["ports"] = .array(ports)
        let patched = try inject(pod, [Self.service(targetPort: .string(name))]).pod
        #expect(try container("main", of: patched)["ports"]?[0]?["name"]?.string == expected)
    }

    @Test("ports whose names begin alike get a name each, and the probes follow the right one")
    func namesThatBeginAlike() throws {
        var pod = Self.pod
        pod["spec"]?["containers"] = [
            [
                "name": "main",
                "ports": [
                    ["name": "grpc-internal-1", "containerPort": 8081],
                    ["name": "grpc-internal-2", "containerPort": 8082],
                ],
                "readinessProbe": ["tcpSocket": ["port": "grpc-internal-1"]],
                "livenessProbe": ["tcpSocket": ["port": "grpc-internal-2"]],
            ]
        ]
        let services = ["grpc-internal-1", "grpc-internal-2"].map { Self.service($0, targetPort: .string($0)) }
        let (patched, config, _) = try inject(pod, services)
        let app = try container("main", of: patched)
        #expect(app["ports"]?.array?.map { $0["name"] } == ["tm-grpc-interna", "tm-grpc-inter-2"])
        #expect(app.at("readinessProbe", "tcpSocket", "port") == "tm-grpc-interna")
        #expect(app.at("livenessProbe", "tcpSocket", "port") == "tm-grpc-inter-2")
        #expect(try agentNames(patched) == ["grpc-internal-1", "grpc-internal-2"])
        #expect(config.ports.map(\.redirected) == [false, false])
    }

    /// What the agent's container calls its ports.
    private func agentNames(_ pod: JSONValue) throws -> [String?] {
        try container("traffic-agent", of: pod)["ports"]?.array?.map { $0["name"]?.string } ?? []
    }

    @Test("a name that two containers have is the agent's once only")
    func namesOfSeveralContainers() throws {
        var pod = Self.pod
        func containers(_ transport: JSONValue) -> JSONValue {
            [
                ["name": "web", "ports": [["name": "http", "containerPort": 8080]]],
                ["name": "side", "ports": [["name": "http", "containerPort": 9090, "protocol": transport]]],
            ]
        }
        // No service leads to the replaced container's port.
        pod["spec"]?["containers"] = containers("TCP")
        var (patched, config, _) = try inject(pod, [Self.service(targetPort: "http")], replaced: ["side"])
        #expect(try agentNames(patched) == ["http", nil])
        #expect(config.ports.map(\.containerPort) == [8080, 9090])
        #expect(try container("web", of: patched)["ports"]?[0]?["name"] == "tm-http")
        // Where names are looked up the agent comes last: nobody before it may have the name.
        (patched, config, _) = try inject(pod, [Self.service(targetPort: "http")])
        #expect(try agentNames(patched) == ["http"])
        #expect(config.ports.map(\.containerPort) == [8080])
        for name in ["web", "side"] {
            #expect(try container(name, of: patched)["ports"]?[0]?["name"] == "tm-http", "\(name)")
        }
        // Services lead to both: the container that goes on keeps the name, and packets to its number are redirected.
        pod["spec"]?["containers"] = containers("UDP")
        let both = [Self.service(targetPort: "http"), Self.service("side", targetPort: "http", transport: "UDP")]
        (patched, config, _) = try inject(pod, both, replaced: ["side"])
        #expect(try agentNames(patched) == [nil, "http"])
        #expect(config.ports.map(\.redirected) == [true, false])
        #expect(try container("web", of: patched)["ports"]?[0]?["name"] == "http")
        (patched, config, _) = try inject(pod, both)
        #expect(try agentNames(patched) == ["http", nil])
        #expect(config.ports.map(\.redirected) == [false, true])
        #expect(try container("web", of: patched)["ports"]?[0]?["name"] == "tm-http")
        #expect(try container("side", of: patched)["ports"]?[0]?["name"] == "http")
    }

    /// The names of the ports of each container.
    private func names(_ pod: JSONValue) -> [[String]] {
        (pod.at("spec", "containers")?.array ?? []).map { container in
            (container["ports"]?.array ?? []).compactMap { $0["name"]?.string }.filter { !$0.isEmpty }
        }
    }

    @Test("random pods never trap, and every patch applies", arguments: 0..<40) func random(seed: UInt64) throws {
        var generator = PodGenerator(seed: seed)
        for _ in 0..<50 {
            let pod = generator.pod()
            let services = (0..<3).map { _ in generator.service() }
            let request = InjectionRequest(pod: pod, namespace: "default", workload: workload, services: services)
            guard case .inject(let patch, let config, _) = injector.inject(request) else { continue }
            let patched = try patch.applied(to: pod)
            #expect(Set(config.ports.map(\.agentPort)).count == config.ports.count)
            #expect(try JSONPatch(json: patch.json) == patch)
            // Kubernetes takes a container that has a port's name once only.
            for (before, after) in zip(names(pod), names(patched)) where Set(before).count == before.count {
                #expect(Set(after).count == after.count, "\(after) of \(before)")
            }
            if let agent = names(patched).last { #expect(Set(agent).count == agent.count, "\(agent)") }
            let again = InjectionRequest(pod: patched, namespace: "default", workload: workload, services: services)
            #expect(injector.inject(again) == .present)
        }
    }
}
