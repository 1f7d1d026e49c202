import Cluster
import Foundation
import HTTP2
import NIOCore
import NIOHTTP1
import NIOPosix
import TLS
import Testing

@testable import Sandbox

@Suite struct ObjectAPITests {
    private let pod: JSONValue = ["metadata": ["name": "p"], "spec": ["containers": [["name": "a", "image": "a:1"]]]]

    private func api() async throws -> ObjectAPI {
        let api = ObjectAPI(store: ObjectStore(), access: .absent, authorityPEM: Array("CA".utf8))
        try await api.bootstrap(host: "10.0.0.1", port: 6443)
        return api
    }

    @Test("a pod gets defaults, its account and a volume with the token") func pods() async throws {
        let api = try await self.api()
        let pod = try await api.create(.pods, self.pod, namespace: "default")
        #expect(pod.at("spec", "restartPolicy") == "Always" && pod.at("spec", "serviceAccountName") == "default")
        #expect(pod.at("status", "phase") == "Pending" && pod.at("status", "qosClass") == "BestEffort")
        let mount = pod.at("spec", "containers")?[0]?["volumeMounts"]?[0]
        #expect(mount?["mountPath"]?.string == ServiceAccountAdmission.mountPath)
        #expect(pod.at("spec", "volumes")?[0]?["name"] == mount?["name"])
        var strange = self.pod
        strange.set("spec", "serviceAccountName", to: "nobody")
        await #expect(throws: StatusError.self) { try await api.create(.pods, strange, namespace: "default") }
    }

    @Test("Services get addresses and node ports of their own, and keep them") func services() async throws {
        let api = try await self.api()
        func service(_ name: String, _ spec: JSONValue) async throws -> JSONValue {
            try await api.create(.services, ["metadata": ["name": .string(name)], "spec": spec], namespace: "default")
        }
        let plain = try await service("a", ["ports": [["port": 80]]])
        #expect(plain.at("spec", "clusterIP")?.string?.hasPrefix("10.96.") == true)
        #expect(plain.at("spec", "ports")?[0] == ["port": 80, "targetPort": 80, "protocol": "TCP"])
        let given = try await service("b", ["clusterIP": "10.96.0.10", "ports": [["port": 80]]])
        #expect(given.at("spec", "clusterIP") == "10.96.0.10")
        await #expect(throws: StatusError.self) {
            _ = try await service("c", ["clusterIP": "10.96.0.10", "ports": [["port": 80]]])
        }
        let headless = try await service("d", ["clusterIP": "None", "ports": [["port": 80]]])
        #expect(headless.at("spec", "clusterIPs") == ["None"])
        let node = try await service(
            "e",
            [
                "type": "NodePort",
                "ports": [["port": 80], ["port": 81, "name": "x"]].map { (port: JSONValue) in
                    port.with("name", default: "w")
                }.asJSON,
            ]
        )
        let ports = node.at("spec", "ports")?.array?.compactMap { $0["nodePort"]?.int } ?? []
        #expect(Set(ports).count == 2 && ports.allSatisfy { (30000...32767).contains($0) })
        let patched = try await api.patch(
            .services,
            .merge(["spec": ["selector": ["a": "b"]]]),
            namespace: "default",
            name: "a"
        ).object
        #expect(patched.at("spec", "clusterIP") == plain.at("spec", "clusterIP"))
        await #expect(throws: StatusError.self) {
            _ = try await api.patch(
                .services,
                .merge(["spec": ["clusterIP": "10.96.9.9"]]),
                namespace: "default",
                name: "a"
            )
        }
    }

    @Test("a budget holds an eviction back") func eviction() async throws {
        let api = try await self.api()
        var pod = self.pod
        pod.set("metadata", "labels", to: ["a": "b"])
        try await api.create(.pods, pod, namespace: "default")
        try api.store.update(.pods, namespace: "default", name: "p", part: .status) { old in
            var new = old
            new["status"] = ["phase": "Running", "conditions": [["type": "Ready", "status": "True"]]]
            return new
        }
        try await api.create(
            .disruptionBudgets,
            ["metadata": ["name": "b"], "spec": ["minAvailable": 1, "selector": ["matchLabels": ["a": "b"]]]],
            namespace: "default"
        )
        let error = await #expect(throws: StatusError.self) { try await api.evict(pod: "p", namespace: "default") }
        #expect(error?.code == 429 && error?.retryAfter == nil)
        try await api.delete(.disruptionBudgets, namespace: "default", name: "b")
        try await api.evict(pod: "p", namespace: "default")
        #expect(api.store.find(.pods, namespace: "default", name: "p") == nil)
    }

    @Test("the largest and smallest numbers do no harm") func extremes() async throws {
        let api = try await self.api()
        for value: JSONValue in [.integer(.max), .integer(.min), "9223372036854775807%", "-1%", .number(1e300)] {
            #expect((0...Int(Int32.max)).contains(ObjectAPI.amount(value, of: 1_000_000, roundingUp: true)))
        }
        var pod = self.pod
        pod.set("spec", "nodeName", to: "n")
        pod.set("spec", "terminationGracePeriodSeconds", to: .integer(.max))
        try await api.create(.pods, pod, namespace: "default")
        try await api.delete(.pods, namespace: "default", name: "p", options: DeleteOptions(gracePeriod: .max))
        try await api.delete(.pods, namespace: "default", name: "p", options: DeleteOptions(gracePeriod: .min))
        #expect(api.store.find(.pods, namespace: "default", name: "p") == nil)
        let small = ServiceAllocator(base: 10 << 24, length: 30)
        let service = try small.allocate(["spec": ["ports": [["port": 80]]]], old: nil, others: [])
        #expect(service.at("spec", "clusterIP") == "10.0.0.2")
    }

    @Test("a token bound to a pod dies with it, and is good for its audience only") func tokens() async throws {
        let api = try await self.api()
        try await api.create(.pods, self.pod, namespace: "default")
        let token = try api.tokens.issue(
            serviceAccount: "default",
            namespace: "default",
            audiences: ["manager"],
            pod: "p"
        ).token
        let proof = try api.tokens.check(token, audiences: ["manager"])
        #expect(proof.user.extra["authentication.kubernetes.io/pod-name"] == ["p"])
        #expect(throws: StatusError.self) { _ = try api.tokens.check(token) }
        try await api.delete(.pods, namespace: "default", name: "p")
        #expect(throws: StatusError.self) { _ = try api.tokens.check(token, audiences: ["manager"]) }
    }

    @Test("roles give rights by resource, name, subresource and path") func rights() async throws {
        let api = try await self.api()
        try await api.create(
            .roles,
            [
                "metadata": ["name": "r"],
                "rules": [
                    [
                        "apiGroups": [""], "resources": ["pods/log", "configmaps"], "resourceNames": ["x"],
                        "verbs": ["get"],
                    ]
                ],
            ],
            namespace: "default"
        )
        try await api.create(
            .roleBindings,
            [
                "metadata": ["name": "r"], "roleRef": ["kind": "Role", "name": "r"],
                "subjects": [["kind": "ServiceAccount", "name": "default", "namespace": "default"]],
            ],
            namespace: "default"
        )
        let authorizer = Authorizer(store: api.store)
        let user = UserInfo(name: "system:serviceaccount:default:default")
        func allows(_ resource: String, _ name: String, _ namespace: String = "default", verb: String = "get") -> Bool {
            authorizer.allows(user, .init(verb: verb, resource: resource, name: name, namespace: namespace))
        }
        #expect(allows("pods/log", "x") && allows("configmaps", "x"))
        #expect(!allows("pods", "x") && !allows("configmaps", "y") && !allows("configmaps", "x", "kube-system"))
        #expect(!allows("configmaps", "x", verb: "list"))
        #expect(!authorizer.allows(.anonymous, .init(verb: "get", path: "/api")))
        #expect(authorizer.allows(.anonymous, .init(verb: "get", path: "/version")))
    }

    @Test("kubectl's protobuf is understood, and what is not known refused") func protobuf() throws {
        // kubectl auth can-i create pods
        let body: [UInt8] =
            [0x6B, 0x38, 0x73, 0, 0x0A, 0x32, 0x0A, 0x17] + Array("authorization.k8s.io/v1".utf8) + [0x12, 0x17]
            + Array("SelfSubjectAccessReview".utf8) + [0x12, 0x3F, 0x0A, 0x10, 0x0A, 0, 0x12, 0, 0x1A, 0, 0x22, 0]
            + [0x2A, 0, 0x32, 0, 0x38, 0, 0x42, 0, 0x12, 0x21, 0x0A, 0x1F, 0x0A, 7] + Array("default".utf8) + [0x12, 6]
            + Array("create".utf8) + [0x1A, 0, 0x22, 0, 0x2A, 4] + Array("pods".utf8)
            + [0x32, 0, 0x3A, 0, 0x1A, 8, 8, 0, 0x12, 0, 0x1A, 0, 0x20, 0, 0x1A, 0, 0x22, 0]
        let object = try ProtobufReader.object(body)
        #expect(object["kind"] == "SelfSubjectAccessReview")
        #expect(
            object.at("spec", "resourceAttributes") == ["namespace": "default", "verb": "create", "resource": "pods"]
        )
        for count in 0..<body.count { _ = try? ProtobufReader.object(Array(body.prefix(count))) }
        #expect(throws: StatusError.self) {
            _ = try ProtobufReader.object([0x6B, 0x38, 0x73, 0, 0x0A, 5, 0x12, 3, 0x50, 0x6F, 0x64])
        }
    }

    @Test("a webhook changes pods on their way; a dead one is ignored or fatal as it says") func webhooks() async throws
    {
        try await APIFixture.with { fixture in
            let webhook = try await TestWebhook.start(authority: fixture.authority)
            func configure(_ policy: String, port: Int) async throws {
                let configuration: JSONValue = [
                    "apiVersion": "admissionregistration.k8s.io/v1", "kind": "MutatingWebhookConfiguration",
                    "metadata": ["name": "w"],
                    "webhooks": [
                        [
                            "name": "inject.example.com", "sideEffects": "None", "admissionReviewVersions": ["v1"],
                            "failurePolicy": .string(policy), "timeoutSeconds": 5,
                            "rules": [
                                [
                                    "operations": ["CREATE"], "apiGroups": [""], "apiVersions": ["v1"],
                                    "resources": ["pods"],
                                ]
                            ],
                            "objectSelector": ["matchLabels": ["inject": "yes"]],
                            "clientConfig": [
                                "caBundle": .string(Data(fixture.authority.certificatePEM).base64EncodedString()),
                                "service": [
                                    "namespace": "default", "name": "hook", "path": "/mutate",
                                    "port": .integer(Int64(port)),
                                ],
                            ],
                        ]
                    ],
                ]
                _ = try await fixture.api.patch(
                    .mutatingWebhooks,
                    .apply(configuration),
                    name: "w",
                    options: WriteOptions(fieldManager: "test", force: true)
                )
            }
            func make(_ name: String, inject: Bool) async throws -> JSONValue {
                var pod = self.pod
                pod.set("metadata", "name", to: .string(name))
                if inject { pod.set("metadata", "labels", to: ["inject": "yes"]) }
                return try await fixture.api.create(.pods, pod, namespace: "default")
            }
            try await configure("Fail", port: webhook.port)
            let injected = try await make("one", inject: true)
            let containers = injected.at("spec", "containers")?.array ?? []
            #expect(containers.count == 2)
            #expect(containers.last?["imagePullPolicy"] == "IfNotPresent", "defaults reach what webhooks add")
            #expect(containers.last?["volumeMounts"]?.array?.count == 1, "so does the account's token")
            #expect(try await make("two", inject: false).at("spec", "containers")?.array?.count == 1)
            await webhook.close()
            let error = await #expect(throws: StatusError.self) { _ = try await make("three", inject: true) }
            #expect(error?.message.contains("failed calling webhook \"inject.example.com\"") == true)
            try await configure("Ignore", port: webhook.port)
            #expect(try await make("four", inject: true).at("spec", "containers")?.array?.count == 1)
        }
    }
}

extension [JSONValue] {
    fileprivate var asJSON: JSONValue { .array(self) }
}
