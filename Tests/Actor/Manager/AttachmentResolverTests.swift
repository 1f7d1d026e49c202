import Actor
import Message
import Testing

@Suite struct AttachmentResolverTests {
    private static func workload(_ name: String, kind: String = "Deployment", obstacle: String = "") -> WorkloadFacts {
        WorkloadFacts(
            key: WorkloadKey(kind: kind, name: name, namespace: "default"),
            labels: ["app": name, "tier": "back"],
            containers: [
                .init(
                    name: "main",
                    ports: [.init(name: "http", number: 8080), .init(name: "dns", number: 53, transport: .udp)]
                ),
                .init(name: "side", ports: [.init(name: "metrics", number: 9090)]),
            ],
            replicas: 1,
            ready: 1,
            obstacle: obstacle
        )
    }

    private let web = workload("web")
    private let service = ServiceFacts(
        name: "web",
        selector: ["app": "web"],
        ports: [
            .init(name: "http", number: 80, target: "http"),
            .init(name: "metrics", number: 9000, target: "9090"),
            .init(name: "dns", number: 53, transport: .udp, target: "dns"),
        ]
    )

    private func spec(_ ports: [PortSpec] = [], service: String = "") -> AttachmentSpec {
        AttachmentSpec(name: "web", kind: .intercept, workload: "web", service: service, ports: ports)
    }

    @Test("A workload is found by name, and by kind and name", arguments: ["web", "deployment/web", "deploy/web"])
    func found(name: String) throws {
        let all = [web, Self.workload("other")]
        #expect(try AttachmentResolver.workload(name, namespace: "default", among: all).key.name == "web")
    }

    @Test("A container is named where there are several, and must be there")
    func containers() throws {
        #expect(try AttachmentResolver.container("side", of: web) == "side")
        #expect(
            throws: ManagerFailure(.invalid, "\(web.key) has several containers; name one of: main, side")
        ) { try AttachmentResolver.container("", of: web) }
        #expect(throws: ManagerFailure(.notFound, "\(web.key) has no container mian; it has: main, side")) {
            try AttachmentResolver.container("mian", of: web)
        }
        var single = web
        single.containers.removeLast()
        #expect(try AttachmentResolver.container("", of: single) == "main")
    }

    @Test("Of a replaced container all ports are meant, those that are named, or none")
    func replacedPorts() throws {
        func ports(_ ports: [PortSpec], container: String = "main", portless: Bool = false) throws -> [String] {
            var spec = spec(ports)
            spec.container = container
            spec.portless = portless
            return try AttachmentResolver.replacedPorts(spec, of: web, services: [service])
                .map { "\($0.localPort):\($0.containerPort)/\($0.protocol)" }
        }
        #expect(try ports([]) == ["8080:8080/tcp", "53:53/udp"])
        #expect(try ports([], portless: true) == [])
        #expect(try ports([PortSpec(remote: "http", localPort: 9000)]) == ["9000:8080/tcp"])
        #expect(try ports([PortSpec(remote: "8080")]) == ["8080:8080/tcp"])
        #expect(try ports([PortSpec(localPort: 7)], container: "side") == ["7:9090/tcp"])
        #expect(
            throws: ManagerFailure(.invalid, "container main has several ports; name one of: 8080 (http), 53 (dns)")
        ) { try ports([PortSpec(localPort: 7)]) }
        #expect(throws: ManagerFailure(.notFound, "container side has no port 80; it has: 9090 (metrics)")) {
            try ports([PortSpec(remote: "80")], container: "side")
        }
    }

    @Test("An unknown workload lists what there is; a name of several must be told apart")
    func notFound() {
        #expect(
            throws: ManagerFailure(
                .notFound,
                "no workload wep in namespace default; there are: deployment/api, deployment/web"
            )
        ) {
            try AttachmentResolver.workload("wep", namespace: "default", among: [web, Self.workload("api")])
        }
        #expect(throws: ManagerFailure(.notFound, "no workload x in namespace d; there are none")) {
            try AttachmentResolver.workload("x", namespace: "d", among: [])
        }
        let twins = [web, Self.workload("web", kind: "StatefulSet")]
        #expect(throws: ManagerFailure(.invalid, "web means several workloads: deployment/web, statefulset/web")) {
            try AttachmentResolver.workload("web", namespace: "default", among: twins)
        }
        #expect(throws: ManagerFailure.self) {
            try AttachmentResolver.workload("w", namespace: "d", among: [Self.workload("w", obstacle: "host network")])
        }
    }

    @Test(
        "A port is found by name and by number",
        arguments: [
            ("http", UInt16(8080), "main"), ("80", 8080, "main"), ("9000", 9090, "side"), ("metrics", 9090, "side"),
            ("dns", 53, "main"),
        ]
    )
    func port(remote: String, number: UInt16, container: String) throws {
        let spec = spec([PortSpec(remote: remote)])
        let ports = try AttachmentResolver.ports(spec, of: web, services: [service])
        #expect(ports.map(\.containerPort) == [number])
        #expect(ports.map(\.container) == [container])
        #expect(ports.map(\.localPort) == [number])
        #expect(ports.map(\.localAddress) == ["127.0.0.1"])
        #expect(ports.map(\.serviceName) == ["web"])
    }

    @Test("Of several ports one must be named; an unknown one lists those there are")
    func choice() throws {
        let list = "80 (http), 9000 (metrics), 53/udp (dns)"
        #expect(throws: ManagerFailure(.invalid, "deployment web.default has several ports; name one of: \(list)")) {
            try AttachmentResolver.ports(spec(), of: web, services: [service])
        }
        #expect(throws: ManagerFailure(.notFound, "deployment web.default has no port 81; it has: \(list)")) {
            try AttachmentResolver.ports(spec([PortSpec(remote: "81")]), of: web, services: [service])
        }
        let udp = try AttachmentResolver.ports(spec([PortSpec(protocol: .udp)]), of: web, services: [service])
        #expect(udp.map(\.containerPort) == [53])
        let twice = spec([PortSpec(remote: "80"), PortSpec(remote: "http")])
        #expect(throws: ManagerFailure(.invalid, "port 8080 of deployment web.default is named twice")) {
            try AttachmentResolver.ports(twice, of: web, services: [service])
        }
    }

    @Test("Two services that lead to one port are no riddle; a service can be named")
    func services() throws {
        let alias = ServiceFacts(
            name: "alias",
            selector: ["tier": "back"],
            ports: [.init(name: "", number: 8000, target: "8080")]
        )
        let only = ServiceFacts(
            name: "web",
            selector: ["app": "web"],
            ports: [.init(name: "", number: 80, target: "http")]
        )
        #expect(try AttachmentResolver.ports(spec(), of: web, services: [alias, only]).map(\.containerPort) == [8080])
        let named = try AttachmentResolver.ports(spec(service: "web"), of: web, services: [alias, only])
        #expect(named.map(\.servicePort) == [80])
        let message = "no service nope selects deployment web.default; these do: alias, web"
        #expect(throws: ManagerFailure(.notFound, message)) {
            try AttachmentResolver.ports(spec(service: "nope"), of: web, services: [alias, only])
        }
    }

    @Test("Without a service the containers' own ports are meant")
    func serviceless() throws {
        let empty = ServiceFacts(name: "none", selector: [:], ports: [.init(name: "", number: 1, target: "1")])
        let ports = try AttachmentResolver.ports(spec([PortSpec(remote: "9090")]), of: web, services: [empty])
        #expect(ports.map(\.container) == ["side"])
    }

    @Test("A numeric target that no container declares goes to the first container")
    func undeclared() throws {
        let raw = ServiceFacts(
            name: "raw",
            selector: ["app": "web"],
            ports: [.init(name: "", number: 80, target: "7000")]
        )
        let ports = try AttachmentResolver.ports(spec(), of: web, services: [raw])
        #expect(ports.map(\.containerPort) == [7000])
        #expect(ports.map(\.container) == ["main"])
    }
}
