import Message
import Testing

@testable import Actor

@Suite struct AgentPodsTests {
    private let now = ContinuousClock.now

    private func place(_ name: String, _ namespace: String = "default") -> SeenPod.Place {
        SeenPod.Place(namespace: namespace, name: name)
    }

    private func pod(
        _ name: String,
        _ uid: String,
        _ address: String = "10.0.0.1",
        isLeaving: Bool = false,
        isOver: Bool = false
    ) -> SeenPod {
        SeenPod(place: place(name), uid: uid, addresses: [address], isLeaving: isLeaving, isOver: isOver)
    }

    private func hello(_ pod: String, _ address: String = "10.0.0.1", namespace: String = "default") -> AgentHello {
        AgentHello(workloadKind: "StatefulSet", workloadName: "db", namespace: namespace, podName: pod, podIP: address)
    }

    private func proven(_ pod: String, _ uid: String) -> Principal {
        .agent(namespace: "default", pod: pod, podUID: uid, serviceAccount: "default")
    }

    @Test("An agent is marked while its pod is being deleted, whichever comes first")
    func leaving() {
        var pods = AgentPods()
        #expect(pods.joined("a", hello("db-0"), as: proven("db-0", "u1")) == .init())
        #expect(pods.take(.seen(pod("db-0", "u1")), now: now) == .init())
        #expect(pods.take(.seen(pod("db-0", "u1", isLeaving: true)), now: now) == .init(marks: ["a": true]))
        // The same again is no news.
        #expect(pods.take(.seen(pod("db-0", "u1", isLeaving: true)), now: now) == .init())
        // One that joins then, or joins again.
        #expect(pods.joined("b", hello("db-0"), as: proven("db-0", "u1")) == .init(marks: ["b": true]))
        #expect(pods.joined("a", hello("db-0"), as: proven("db-0", "u1")) == .init(marks: ["a": true]))
        #expect(pods.take(.seen(pod("db-1", "u2", isLeaving: true)), now: now) == .init())
    }

    @Test("News of a pod do not concern the one that comes after it under the same name", arguments: [true, false])
    func reborn(isProven: Bool) {
        var pods = AgentPods()
        _ = pods.take(.seen(pod("db-0", "u1", "10.0.0.1", isLeaving: true)), now: now)
        // The successor's agent is there before the news of the predecessor's end.
        let principal = isProven ? proven("db-0", "u2") : .unproven
        #expect(pods.joined("new", hello("db-0", "10.0.0.2"), as: principal) == .init())
        #expect(pods.take(.unseen(pod("db-0", "u1", "10.0.0.1", isLeaving: true)), now: now) == .init())
        #expect(pods.take(.seen(pod("db-0", "u2", "10.0.0.2")), now: now) == .init())
        #expect(!pods.isGone("new", pod("db-0", "u2", "10.0.0.2")))
        #expect(
            pods.take(.seen(pod("db-0", "u2", "10.0.0.2", isLeaving: true)), now: now) == .init(marks: ["new": true])
        )
        // Where both have one address and prove nothing, as on a node's network, the cluster is asked, and knows it is there.
        _ = pods.joined("alike", hello("db-0", "10.0.0.2"), as: .unproven)
        #expect(pods.take(.unseen(pod("db-0", "u2", "10.0.0.2")), now: now).doubtful.contains("alike"))
        #expect(!pods.isGone("alike", pod("db-0", "u3", "10.0.0.2")))
    }

    @Test("An agent is doubtful when its pod is watched no longer, is another one, has ended, or is not in a list")
    func doubts() {
        var pods = AgentPods()
        func begin() {
            pods = AgentPods()
            _ = pods.joined("a", hello("db-0"), as: proven("db-0", "u1"))
            _ = pods.joined("else", hello("db-0", namespace: "shop"), as: .unproven)
        }
        for news: PodNews in [
            .unseen(pod("db-0", "u1")), .seen(pod("db-0", "u2")), .seen(pod("db-0", "u1", isOver: true)),
            .all([pod("db-1", "u1")], namespace: "default"), .all([pod("db-0", "u2")], namespace: "default"),
        ] {
            begin()
            #expect(pods.take(news, now: now) == .init(doubtful: ["a"]), "\(news)")
        }
        begin()
        #expect(pods.take(.all([], namespace: nil), now: now) == .init(doubtful: ["a", "else"]))
        #expect(
            pods.take(.all([pod("db-0", "u1", isLeaving: true)], namespace: "default"), now: now).marks == ["a": true]
        )
        // The pod is gone when the cluster has none of that name, another one, or one that has ended.
        #expect(pods.isGone("a", nil) && pods.isGone("a", pod("db-0", "u2")))
        #expect(pods.isGone("a", pod("db-0", "u1", isOver: true)) && !pods.isGone("a", pod("db-0", "u1")))
        #expect(!pods.isGone("nobody", nil))
    }

    @Test("A list sets right what was missed: pods that leave, and pods that do not leave any more")
    func lists() {
        var pods = AgentPods()
        _ = pods.take(.seen(pod("db-0", "u1", isLeaving: true)), now: now)
        _ = pods.take(.all([pod("db-0", "u2"), pod("db-1", "u3", isLeaving: true)], namespace: nil), now: now)
        #expect(pods.joined("a", hello("db-0"), as: proven("db-0", "u2")) == .init())
        #expect(pods.joined("b", hello("db-1"), as: proven("db-1", "u3")) == .init(marks: ["b": true]))
        // A list of another namespace says nothing of these.
        #expect(pods.take(.all([], namespace: "shop"), now: now) == .init())
        #expect(pods.joined("c", hello("db-1"), as: proven("db-1", "u3")) == .init(marks: ["c": true]))
        // What is not in a list does not leave either: it is gone, or watched no longer.
        _ = pods.take(.all([], namespace: "default"), now: now)
        #expect(pods.joined("d", hello("db-1"), as: proven("db-1", "u3")) == .init())
    }

    @Test("An agent that joins after its pod was watched no longer is doubtful, for a while")
    func lateAgent() {
        var pods = AgentPods()
        _ = pods.take(.unseen(pod("db-0", "u1")), now: now)
        #expect(pods.joined("a", hello("db-0"), as: proven("db-0", "u1")) == .init(doubtful: ["a"]))
        // Its pod is there: its labels were taken off. That it leaves is believed.
        #expect(pods.confirmed("a", pod("db-0", "u1")) == .init())
        #expect(pods.confirmed("a", pod("db-0", "u1", isLeaving: true)) == .init(marks: ["a": true]))
        #expect(pods.confirmed("a", pod("db-0", "u1")) == .init())
        #expect(pods.joined("b", hello("db-0"), as: proven("db-0", "u2")) == .init())
        pods.expire(now: now.advanced(by: .seconds(3600)))
        #expect(pods.joined("c", hello("db-0"), as: proven("db-0", "u1")) == .init())
    }

    @Test("Who is in a pod of a name: those that stay first, and nobody who has left")
    func places() {
        var pods = AgentPods()
        _ = pods.joined("a", hello("db-0"), as: proven("db-0", "u1"))
        _ = pods.joined("b", hello("db-0"), as: proven("db-0", "u2"))
        _ = pods.take(.seen(pod("db-0", "u1", isLeaving: true)), now: now)
        #expect(pods.sessions(at: place("db-0")) == ["b", "a"])
        #expect(pods.place(of: "a") == place("db-0"))
        pods.left("b")
        #expect(pods.sessions(at: place("db-0")) == ["a"])
        pods.left("a")
        #expect(pods.sessions(at: place("db-0")) == [] && pods.place(of: "a") == nil)
        #expect(pods.take(.all([], namespace: nil), now: now) == .init())
    }
}
