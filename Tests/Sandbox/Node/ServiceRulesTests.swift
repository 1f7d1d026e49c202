import Cluster
import Testing

@testable import Sandbox

@Suite struct ServiceRulesTests {
    static let service: JSONValue = [
        "metadata": ["name": "web", "namespace": "shop"],
        "spec": [
            "clusterIP": "10.96.1.2", "type": "NodePort",
            "ports": [
                ["name": "http", "port": 80, "nodePort": 30080], ["name": "dns", "port": 53, "protocol": "UDP"],
            ],
        ],
    ]

    static func slice(_ name: String, _ port: Int, _ addresses: [String], ready: Bool = true) -> JSONValue {
        [
            "metadata": [
                "name": .string(name), "namespace": "shop", "labels": ["kubernetes.io/service-name": "web"],
            ], "ports": [["name": "http", "port": .integer(Int64(port)), "protocol": "TCP"]],
            "endpoints": .array(
                addresses.map { ["addresses": [.string($0)], "conditions": ["ready": .bool(ready)]] }
            ),
        ]
    }

    @Test("ready endpoints of all slices serve a port, each at its own number")
    func endpoints() {
        let state = ServiceState(
            services: [Self.service],
            slices: [
                Self.slice("a", 8080, ["10.244.0.3"]), Self.slice("b", 9900, ["10.244.0.4"]),
                Self.slice("c", 8080, ["10.244.0.5"], ready: false),
            ],
            namespaces: []
        )
        let rules = state.rules()
        #expect(rules.ports.count == 2)
        #expect(
            rules.ports[0].endpoints == [
                ServiceRules.Endpoint(address: "10.244.0.3", port: 8080),
                ServiceRules.Endpoint(address: "10.244.0.4", port: 9900),
            ]
        )
        #expect(rules.ports[0].nodePort == 30080)
        let script = rules.script(serviceRange: "10.96.0.0/16", node: "172.30.0.2")
        #expect(script.contains("10.96.1.2 . tcp . 80 : goto service-0"))
        #expect(script.contains("tcp . 30080 : goto node-0"))
        #expect(script.contains("numgen random mod 2 vmap { 0 : goto endpoint-0-0, 1 : goto endpoint-0-1 }"))
        #expect(script.contains("meta l4proto tcp dnat to 10.244.0.4:9900"))
        // The port without endpoints is refused.
        #expect(
            script.contains(
                "set refused { type ipv4_addr . inet_proto . inet_service; elements = { 10.96.1.2 . udp . 53 } }"
            )
        )
    }

    @Test("headless Services and external names have no rules")
    func none() {
        let state = ServiceState(
            services: [
                ["metadata": ["name": "a", "namespace": "b"], "spec": ["clusterIP": "None", "ports": [["port": 1]]]],
                [
                    "metadata": ["name": "c", "namespace": "b"],
                    "spec": ["type": "ExternalName", "externalName": "x", "ports": [["port": 1]]],
                ],
            ],
            slices: [],
            namespaces: []
        )
        #expect(state.rules().ports.isEmpty)
    }

    @Test("flows of UDP to endpoints that have gone are forgotten, others are kept")
    func staleFlows() {
        func rules(_ addresses: [String]) -> ServiceRules {
            ServiceRules(ports: [
                ServiceRules.Port(
                    transport: "udp",
                    clusterAddress: "10.96.0.9",
                    port: 53,
                    nodePort: nil,
                    endpoints: addresses.map { ServiceRules.Endpoint(address: $0, port: 53) },
                    affinity: nil
                )
            ])
        }
        let commands = ServiceRules.staleFlows(
            before: rules(["10.244.0.3", "10.244.0.4"]),
            after: rules(["10.244.0.4"])
        )
        #expect(commands.count == 1)
        #expect(commands.first?.last == "10.244.0.3")
        #expect(ServiceRules.staleFlows(before: nil, after: rules([])).isEmpty)
    }
}
