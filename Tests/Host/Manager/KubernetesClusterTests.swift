import Actor
import Cluster
import Message
import Synchronization
import Testing

@testable import Host
@testable import Sandbox

@Suite(.timeLimit(.minutes(4))) struct KubernetesClusterTests {
    @Test("every kind of workload is found, with how its pods can be replaced") func workloads() async throws {
        try await ClusterFixture.with { fixture in
            try await fixture.make(.deployments, "rolling", replicas: 4)
            try await fixture.make(.deployments, "small") { $0.set("spec", "minReadySeconds", to: 3) }
            try await fixture.make(.deployments, "recreated") { $0.set("spec", "strategy", "type", to: "Recreate") }
            try await fixture.make(.deployments, "tight") {
                $0.set("spec", "strategy", "rollingUpdate", to: ["maxSurge": 0, "maxUnavailable": 1])
            }
            try await fixture.make(.statefulSets, "numbered")
            try await fixture.make(.replicaSets, "set")
            try await fixture.make(.daemonSets, "everywhere") { $0["spec"]?["replicas"] = nil }
            try await fixture.make(.deployments, "host") {
                $0.set("spec", "template", "spec", "hostNetwork", to: true)
            }
            try await fixture.make(.deployments, "shy") {
                $0.set("spec", "template", "metadata", "annotations", InjectionAnnotations.inject, to: "disabled")
            }
            try await fixture.server.create(
                .pods,
                ["metadata": ["name": "alone"], "spec": ["containers": [["name": "main", "image": "x"]]]],
                namespace: "default"
            )
            try fixture.playNode()
            let all = try await fixture.cluster.workloads(namespace: "default")
            func facts(_ name: String) throws -> WorkloadFacts { try #require(all.first { $0.key.name == name }) }
            #expect(try facts("rolling").manner == .surge(1))
            #expect(try facts("small").manner == .surge(1) && facts("small").minReadySeconds == 3)
            #expect(try facts("recreated").manner == .inPlace)
            #expect(try facts("tight").manner == .inPlace)
            #expect(try facts("numbered").manner == .inPlace && facts("numbered").key.kind == "StatefulSet")
            #expect(try facts("set").manner == .surge(1))
            #expect(try facts("everywhere").manner == .inPlace)
            #expect(try facts("alone").manner == .never && facts("alone").key.kind == "Pod")
            #expect(try facts("host").obstacle.contains("hostNetwork"))
            #expect(try facts("shy").obstacle.contains("forbids an agent"))
            // What belongs to another workload is none.
            #expect(all.count { $0.key.kind == "ReplicaSet" } == 1)
            await #expect(throws: ManagerFailure(.notFound, "there is no namespace nowhere")) {
                try await fixture.cluster.workloads(namespace: "nowhere")
            }
        }
    }

    @Test("a pod is released, followed by a successor, retired and deleted; the Deployment is not touched")
    func release() async throws {
        try await ClusterFixture.with { fixture in
            let key = ClusterFixture.key("Deployment", "web")
            try await fixture.make(.deployments, "web")
            let before = try await fixture.picture("a serving pod", of: key) { $0.pods.map(\.serving) == [true] }
            let deployment = try fixture.store.get(.deployments, namespace: "default", name: "web")
            let old = before.pods[0].name
            try await fixture.cluster.perform(.release(old), of: key)
            let both = try await fixture.picture("both pods", of: key) { $0.pods.count(where: \.serving) == 2 }
            #expect(both.pods.first { $0.name == old }?.place == .released)
            #expect(both.pods.first { $0.name != old }?.place == .member)
            try await fixture.cluster.perform(.retire(old), of: key)
            let after = try await fixture.picture("the successor alone", of: key) { $0.pods.map(\.serving) == [true] }
            #expect(after.pods[0].name != old)
            let now = try fixture.store.get(.deployments, namespace: "default", name: "web")
            #expect(now["spec"] == deployment["spec"])
            #expect(fixture.store.items(.replicaSets, namespace: "default").count == 1)
        }
    }

    @Test("a released pod that is given back stays, and the successor goes") func restore() async throws {
        try await ClusterFixture.with { fixture in
            let key = ClusterFixture.key("Deployment", "web")
            try await fixture.make(.deployments, "web")
            let before = try await fixture.picture("a pod", of: key) { $0.pods.map(\.ready) == [true] }
            let labels = try fixture.store.get(.pods, namespace: "default", name: before.pods[0].name).labels
            try await fixture.cluster.perform(.release(before.pods[0].name), of: key)
            _ = try await fixture.picture("a successor", of: key, node: false) { $0.pods.count == 2 }
            try await fixture.cluster.perform(.restore(before.pods[0].name), of: key)
            let after = try await fixture.picture("the old pod alone", of: key, node: false) { picture in
                picture.pods.count { !$0.terminating } == 1
            }
            let left = try #require(after.pods.first { !$0.terminating })
            #expect(left.name == before.pods[0].name && left.place == .member)
            let pod = try fixture.store.get(.pods, namespace: "default", name: left.name)
            #expect(pod.labels == labels)
            #expect(pod.annotations[InjectionAnnotations.replacedLabels] == nil)
        }
    }

    @Test("what another manager left half done is brought to its end") func tidyUp() async throws {
        try await ClusterFixture.with { fixture in
            let key = ClusterFixture.key("Deployment", "web")
            try await fixture.make(.deployments, "web")
            let before = try await fixture.picture("a pod", of: key) { $0.pods.map(\.ready) == [true] }
            try await fixture.cluster.perform(.release(before.pods[0].name), of: key)
            // The pod is this one's own: it is left alone.
            await fixture.cluster.tidyUp()
            let own = try fixture.store.get(.pods, namespace: "default", name: before.pods[0].name)
            #expect(own.labels[InjectionAnnotations.replaced] == "released")
            let another = KubernetesCluster(
                api: fixture.api,
                resolver: PodResolver(""),
                subnets: try ClusterFixture.subnets(fixture.api),
                direct: try DirectAddressFinder(api: fixture.api, namespace: "ambassador", environment: [:]),
                lastRequests: .zero
            )
            await another.tidyUp()
            let back = try fixture.store.get(.pods, namespace: "default", name: before.pods[0].name)
            #expect(back.labels[InjectionAnnotations.replaced] == nil)
            #expect(back.labels["pod-template-hash"] != nil)
        }
    }

    @Test("what a replacement could not give back is given back once it is over, and no sooner")
    func letGo() async throws {
        try await ClusterFixture.with { fixture in
            let key = ClusterFixture.key("Deployment", "web")
            try await fixture.make(.deployments, "web")
            let before = try await fixture.picture("a pod", of: key) { $0.pods.map(\.ready) == [true] }
            func stage() throws -> String? {
                try fixture.store.get(.pods, namespace: "default", name: before.pods[0].name)
                    .labels[InjectionAnnotations.replaced]
            }
            try await fixture.cluster.perform(.release(before.pods[0].name), of: key)
            await fixture.cluster.letGo(of: ClusterFixture.key("Deployment", "other"))
            await fixture.cluster.tidyUp()
            #expect(try stage() == "released")
            await fixture.cluster.letGo(of: key)
            #expect(try stage() == "released")
            await fixture.cluster.tidyUp()
            #expect(try stage() == nil)
        }
    }

    @Test("a pod whose retirement was done but not answered is deleted, though its replacement runs")
    func lostAnswer() async throws {
        try await ClusterFixture.with { fixture in
            let key = ClusterFixture.key("Deployment", "web")
            try await fixture.make(.deployments, "web")
            let before = try await fixture.picture("a pod", of: key) { $0.pods.map(\.ready) == [true] }
            let old = before.pods[0].name
            try await fixture.cluster.perform(.release(old), of: key)
            try fixture.store.update(.pods, namespace: "default", name: old, part: .whole) { pod in
                var retired = pod
                retired.set("metadata", "labels", InjectionAnnotations.replaced, to: "retired")
                return retired
            }
            await fixture.cluster.tidyUp()
            _ = try await fixture.picture("the successor alone", of: key) { picture in
                !picture.pods.isEmpty && !picture.pods.contains { $0.name == old }
            }
        }
    }

    @Test("a pod whose every label is used by a Service cannot be released") func noSpareLabel() async throws {
        try await ClusterFixture.with { fixture in
            let key = ClusterFixture.key("ReplicaSet", "web")
            try await fixture.make(.replicaSets, "web")
            let before = try await fixture.picture("a pod", of: key) { $0.pods.count == 1 }
            let error = await #expect(throws: ManagerFailure.self) {
                try await fixture.cluster.perform(.release(before.pods[0].name), of: key)
            }
            #expect(error?.code == .precondition)
        }
    }

    @Test("why a controller makes no pods, and why a pod does not start, is seen") func troubles() async throws {
        try await ClusterFixture.with { fixture in
            let key = ClusterFixture.key("StatefulSet", "web")
            try await fixture.make(.statefulSets, "web")
            _ = try await fixture.picture("a pod", of: key) { $0.pods.map(\.ready) == [true] }
            try fixture.store.update(.pods, namespace: "default", name: "web-0", part: .whole) { old in
                var pod = old
                pod["status"] = [
                    "phase": "Pending",
                    "containerStatuses": [
                        [
                            "name": "traffic-agent",
                            "state": ["waiting": ["reason": "ImagePullBackOff", "message": "no such image"]],
                        ]
                    ],
                ]
                return pod
            }
            let stuck = try await fixture.picture("trouble", of: key, node: false) { $0.pods.first?.gravity == .stuck }
            #expect(stuck.pods[0].trouble == "container traffic-agent: ImagePullBackOff: no such image")
            try fixture.store.update(.pods, namespace: "default", name: "web-0", part: .whole) { old in
                var pod = old
                pod["status"] = [
                    "phase": "Pending",
                    "conditions": [
                        [
                            "type": "PodScheduled", "status": "False", "reason": "Unschedulable",
                            "message": "0/1 nodes are available: 1 Insufficient cpu.",
                        ]
                    ],
                ]
                return pod
            }
            let full = try await fixture.picture("no room", of: key, node: false) {
                $0.pods.first?.gravity == .unschedulable
            }
            #expect(full.pods[0].trouble == "it cannot be scheduled: 0/1 nodes are available: 1 Insufficient cpu.")
        }
    }

    @Test("what happened before one looks is no news; what happens then is") func events() throws {
        func event(_ uid: String, _ count: Int64, kind: String = "ReplicaSet", name: String = "web-1") -> JSONValue {
            [
                "metadata": ["uid": .string(uid)], "type": "Warning", "reason": "FailedCreate",
                "count": .integer(count), "message": .string("quota \(uid)"),
                "involvedObject": ["kind": .string(kind), "name": .string(name)],
            ]
        }
        var pods = WorkloadPods(ClusterFixture.key("Deployment", "web"))
        for source in [WorkloadPods.Source.members, .replaced, .endpoints] { pods.apply(.all([]), from: source) }
        #expect(pods.picture == nil)
        pods.apply(.all([event("old", 1)]), from: .events)
        #expect(pods.picture == PodPicture(pods: []))
        pods.apply(.updated(event("old", 1)), from: .events)
        pods.apply(.updated(event("other", 1, name: "mobile-1")), from: .events)
        #expect(pods.picture?.problem == "")
        pods.apply(.updated(event("old", 2)), from: .events)
        #expect(pods.picture?.problem == "quota old")
        pods.apply(.updated(["metadata": ["uid": "p", "name": "web-1-x"]]), from: .members)
        #expect(pods.picture?.problem == "")
    }

    @Test("an agent is put into a running pod, once") func ephemeral() async throws {
        try await ClusterFixture.with { fixture in
            let key = ClusterFixture.key("Pod", "alone")
            try await fixture.server.create(
                .pods,
                [
                    "metadata": ["name": "alone", "labels": ["app": "alone"]],
                    "spec": ["containers": [["name": "main", "image": "x", "ports": [["containerPort": 8080]]]]],
                ],
                namespace: "default"
            )
            _ = try await fixture.picture("the pod", of: key) { $0.pods.map(\.ready) == [true] }
            try await fixture.cluster.perform(.inject("alone"), of: key)
            let pod = try fixture.store.get(.pods, namespace: "default", name: "alone")
            let added = try #require(pod.at("spec", "ephemeralContainers")?.array)
            #expect(added.map { $0["name"]?.string } == ["traffic-agent"])
            #expect(added[0].at("securityContext", "capabilities", "add") == ["NET_ADMIN"])
        }
    }

    @Test("pods with an agent are followed to their end, and no others") func agentPods() async throws {
        try await ClusterFixture.with { fixture in
            let heard = HeardNews()
            let cluster = fixture.cluster
            let follower = Task { await cluster.followAgentPods { heard.add($0) } }
            defer { follower.cancel() }
            func told(_ line: String) async throws {
                let deadline = ContinuousClock.now + .seconds(60)
                while !heard.lines.contains(line) {
                    guard ContinuousClock.now < deadline else { throw ClusterFixture.Timeout(what: line) }
                    try await Task.sleep(for: .milliseconds(20))
                }
            }
            try await told("all []")
            for (name, labels) in [("bare", [:]), ("agent", [InjectionAnnotations.workloadKind: "Pod"])] {
                let pod: JSONValue = [
                    "metadata": ["name": .string(name), "labels": JSONValue(stringMap: labels)],
                    "spec": ["containers": [["name": "main", "image": "x"]]],
                ]
                try await fixture.server.create(.pods, pod, namespace: "default")
                try fixture.store.update(.pods, namespace: "default", name: name, part: .whole) { old in
                    var pod = old
                    pod.set("spec", "nodeName", to: "sandbox")
                    pod["status"] = ["phase": "Running", "podIP": "10.244.0.7"]
                    return pod
                }
            }
            try await told(#"seen agent ["10.244.0.7"] false"#)
            let place = SeenPod.Place(namespace: "default", name: "agent")
            let there = try #require(try await fixture.cluster.pod(at: place))
            #expect(!there.uid.isEmpty && !there.isLeaving && !there.isOver && there.addresses == ["10.244.0.7"])
            try await fixture.api.delete(.pods, namespace: "default", name: "agent")
            try await told(#"seen agent ["10.244.0.7"] true"#)
            #expect(try await fixture.cluster.pod(at: place)?.isLeaving == true)
            let now = DeleteOptions(gracePeriod: 0)
            _ = try fixture.store.delete(.pods, namespace: "default", name: "agent", options: now)
            try await told("unseen agent")
            #expect(try await fixture.cluster.pod(at: place) == nil)
            #expect(!heard.lines.contains { $0.contains("bare") })
        }
    }

    @Test("without a webhook for it, the test says that none was asked") func selfTest() async throws {
        try await ClusterFixture.with { fixture in
            _ = try await fixture.server.create(.namespaces, ["metadata": ["name": "ambassador"]])
            let problem = await fixture.cluster.testWebhook()
            #expect(problem.contains("did not ask the admission webhook"))
            #expect(fixture.store.items(.pods, namespace: "ambassador").isEmpty)
            let info = try await fixture.cluster.clusterInfo()
            #expect(info.warnings.contains { $0.contains("did not ask") })

            let without = KubernetesCluster(
                api: fixture.api,
                resolver: PodResolver(""),
                subnets: try ClusterFixture.subnets(fixture.api),
                direct: try DirectAddressFinder(api: fixture.api, namespace: "ambassador", environment: [:]),
                webhook: nil
            )
            #expect(await without.testWebhook().isEmpty)
            #expect(without.noInjector?.contains("agentInjector.enabled is false") == true)
            #expect(fixture.cluster.noInjector == nil)
            #expect(try await without.clusterInfo().warnings.isEmpty)
        }
    }

    @Test("changes of the cluster's network are told") func facts() async throws {
        try await ClusterFixture.with { fixture in
            let watch = ClusterFactsWatch(api: fixture.api, namespace: "ambassador")
            let (changes, signal) = AsyncStream.makeStream(of: Void.self)
            let running = Task { await watch.run(settle: .milliseconds(20)) { signal.yield() } }
            defer { running.cancel() }
            var iterator = changes.makeAsyncIterator()
            // The first look.
            await iterator.next()
            _ = try await fixture.server.create(.namespaces, ["metadata": ["name": "new"]])
            await iterator.next()
            try fixture.store.update(.namespaces, name: "new") { old in
                var namespace = old
                namespace.set("metadata", "labels", "x", to: "1")
                return namespace
            }
            _ = try await fixture.server.create(.namespaces, ["metadata": ["name": "newer"]])
            await iterator.next()
            let info = try await fixture.cluster.clusterInfo()
            #expect(info.namespaces.contains("new") && info.namespaces.contains("newer"))
        }
    }
}

/// What was told of pods with agents, a line each.
private final class HeardNews: Sendable {
    private let all = Mutex<[String]>([])

    var lines: [String] { all.withLock { $0 } }

    func add(_ news: PodNews) {
        let line =
            switch news {
            case .all(let pods, _): "all \(pods.map(\.place.name))"
            case .seen(let pod): "seen \(pod.place.name) \(pod.addresses) \(pod.isLeaving)"
            case .unseen(let pod): "unseen \(pod.place.name)"
            }
        all.withLock { $0.append(line) }
    }
}
