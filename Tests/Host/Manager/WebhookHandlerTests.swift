import Actor
import Cluster
import Logging
import Testing

@testable import Host
@testable import Sandbox

@Suite(.timeLimit(.minutes(2))) struct WebhookHandlerTests {
    private static let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }

    private func handler(_ fixture: ClusterFixture, native: NativeSidecars = .none) -> WebhookHandler {
        WebhookHandler(
            api: fixture.api,
            manager: TrafficManager(cluster: fixture.cluster, judge: OpenJudge(), version: "test", logger: Self.logger),
            injector: {
                Injector(
                    settings: InjectorSettings(
                        agentImage: "agent:1",
                        managerHost: "m.svc",
                        managerCA: "CA",
                        nativeSidecars: native
                    )
                )
            },
            logger: Self.logger
        )
    }

    /// The review of a pod as its controller would make it.
    private func review(
        _ kind: ResourceKind,
        owner: JSONValue?,
        annotations: [String: String] = [:],
        name: String? = nil
    ) -> AdmissionRequest {
        let template: JSONValue = [
            "metadata": ["labels": ["app": "web"], "annotations": JSONValue(stringMap: annotations)],
            "spec": [
                "containers": [["name": "main", "image": "x", "ports": [["name": "http", "containerPort": 8080]]]]
            ],
        ]
        var pod = template
        if let owner { pod = template.pod(owner: owner, kind, name: nil) }
        if let name { pod.set("metadata", "name", to: .string(name)) }
        return AdmissionRequest(uid: "1", operation: "CREATE", kind: "Pod", namespace: "default", object: pod)
    }

    private func agent(in response: AdmissionResponse, of pod: JSONValue) throws -> JSONValue? {
        guard let patch = response.patch else { return nil }
        let changed = try patch.applied(to: pod)
        let all = ["containers", "initContainers"].flatMap { changed.at("spec", $0)?.array ?? [] }
        return all.first { $0["name"] == "traffic-agent" }
    }

    @Test("a pod gets an agent when somebody wants it, or it asks itself") func wanted() async throws {
        try await ClusterFixture.with { fixture in
            try await fixture.make(.deployments, "web")
            _ = try await fixture.picture("a pod", of: ClusterFixture.key("Deployment", "web")) { !$0.pods.isEmpty }
            let set = try #require(fixture.store.items(.replicaSets, namespace: "default").first)
            let handler = handler(fixture)
            let plain = review(.replicaSets, owner: set)
            #expect(try await handler.answer(plain).patch == nil)
            let asking = review(.replicaSets, owner: set, annotations: [InjectionAnnotations.inject: "enabled"])
            #expect(try agent(in: try await handler.answer(asking), of: asking.object) != nil)
            let refusing = review(.replicaSets, owner: set, annotations: [InjectionAnnotations.inject: "disabled"])
            #expect(try await handler.answer(refusing).patch == nil)
            let unclear = try await handler.answer(
                review(.replicaSets, owner: set, annotations: [InjectionAnnotations.inject: "perhaps"])
            )
            #expect(unclear.warnings.contains { $0.contains("\"perhaps\"") })
        }
    }

    @Test("pods of all kinds are known by their owners") func kinds() async throws {
        try await ClusterFixture.with { fixture in
            let asks = [InjectionAnnotations.inject: "enabled"]
            let handler = handler(fixture, native: .full)
            for kind in [ResourceKind.statefulSets, .daemonSets, .jobs] {
                let owner: JSONValue = ["metadata": ["name": "web", "uid": "u"]]
                let review = review(kind, owner: owner, annotations: asks)
                let agent = try #require(try agent(in: try await handler.answer(review), of: review.object))
                let text = try #require(
                    agent["env"]?.array?.first { $0["name"] == "TELEPRESENCE_AGENT_CONFIG" }?["value"]?.string
                )
                let config = try AgentConfig(json: text)
                #expect(config.workloadKind == kind.kind && config.workloadName == "web")
            }
            let alone = review(.pods, owner: nil, annotations: asks, name: "alone")
            #expect(try agent(in: try await handler.answer(alone), of: alone.object) != nil)
            let nameless = review(.pods, owner: nil, annotations: asks)
            #expect(try await handler.answer(nameless).patch == nil)
        }
    }

    @Test("a Job's pod is passed over where a sidecar would keep it from ending") func job() async throws {
        try await ClusterFixture.with { fixture in
            let owner: JSONValue = ["metadata": ["name": "work", "uid": "u"]]
            let review = review(.jobs, owner: owner, annotations: [InjectionAnnotations.inject: "enabled"])
            let response = try await handler(fixture).answer(review)
            #expect(response.allowed && response.patch == nil)
            #expect(response.warnings.contains { $0.contains("would keep the Job from ending") })
        }
    }

    @Test("the pod by which the webhook is tested comes back with an agent") func selfTest() async throws {
        try await ClusterFixture.with { fixture in
            var review = AdmissionRequest(uid: "1", operation: "CREATE", kind: "Pod", namespace: "ambassador")
            review.dryRun = true
            review.object = WebhookSelfTest.pod(namespace: "ambassador")
            let response = try await handler(fixture).answer(review)
            #expect(try agent(in: response, of: review.object) != nil)
        }
    }
}
