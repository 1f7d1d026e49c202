import Actor
import Testing

/// What is decided where containers are replaced.
@Suite struct ContainerReplacementTests {
    private func replacement(_ manner: ReplacementManner = .surge(1)) -> PodReplacement {
        let facts = WorkloadFacts(
            key: WorkloadKey(kind: "Deployment", name: "web", namespace: "default"),
            labels: [:],
            containers: [],
            replicas: 1,
            ready: 1
        )
        return PodReplacement(workload: facts, goal: .agent, manner: manner)
    }

    @Test("A pod with an agent makes way when a container is to be replaced, and it is done when the old one has ended")
    func waitsForTheLast() {
        var machine = replacement()
        var old = PodFacts(name: "old", ready: true, hasAgent: true)
        let new = PodFacts(name: "new", ready: true, hasAgent: true, replaced: ["app"])
        func look(_ pods: [PodFacts], _ seconds: Int) -> PodReplacement.Outcome {
            machine.onPicture(
                PodPicture(pods: pods),
                linked: ["old", "new"],
                replaced: ["app"],
                now: .seconds(seconds)
            )
        }
        #expect(look([old], 0).steps == [.release("old")])
        old.place = .released
        #expect(look([old, new], 1).steps == [.retire("old")])
        old.place = .retired
        for second in 2..<8 {
            guard case .going = look([old, new], second).verdict else {
                Issue.record("done while the container still runs")
                return
            }
        }
        old.terminating = true
        guard case .going = look([old, new], 8).verdict else {
            Issue.record("done while the container still ends")
            return
        }
        _ = look([new], 9)
        #expect(look([new], 11).verdict == .done)
    }

    @Test("What is to be replaced may change on the way, and back")
    func changes() {
        var machine = replacement()
        let picture = PodPicture(pods: [PodFacts(name: "p", ready: true, hasAgent: true, replaced: ["app"])])
        #expect(machine.onPicture(picture, linked: ["p"], replaced: ["app"], now: .zero).verdict == .done)
        #expect(machine.onPicture(picture, linked: ["p"], replaced: [], now: .zero).steps == [.release("p")])
    }

    @Test("Pods that are made wrong again and again are not made for ever")
    func wrong() {
        var machine = replacement(.inPlace)
        var verdict = PodReplacement.Verdict.done
        for number in 0..<10 {
            let pod = PodFacts(name: "p\(number)", ready: true, hasAgent: true)
            verdict =
                machine.onPicture(
                    PodPicture(pods: [pod]),
                    linked: [pod.name],
                    replaced: ["app"],
                    now: .seconds(number)
                ).verdict
            if case .failed(let failure) = verdict {
                #expect(failure.message.contains("wrong containers"))
                return
            }
        }
        Issue.record("never given up: \(verdict)")
    }
}

/// A model of a Deployment's controller and services around a ``PodReplacement``: takes its steps, refuses impossible ones.
private struct Model {
    var replacement: PodReplacement
    var pods: [PodFacts] = []
    var linked: Set<String> = []
    var unfit: Set<String> = []
    var now = Duration.zero
    var number = 0
    let replicas: Int
    let injects: Bool
    var fewestServing = Int.max
    var mostPods = 0

    init(_ replicas: Int, manner: ReplacementManner, goal: PodReplacement.Goal = .agent, minReady: Int = 0) {
        self.replicas = replicas
        injects = goal == .agent
        let facts = WorkloadFacts(
            key: WorkloadKey(kind: "Deployment", name: "web", namespace: "default"),
            labels: [:],
            containers: [],
            replicas: replicas,
            ready: replicas,
            minReadySeconds: minReady
        )
        replacement = PodReplacement(workload: facts, goal: goal, manner: manner)
        for _ in 0..<replicas { make(hasAgent: !injects, ready: true) }
    }

    mutating func make(hasAgent: Bool, ready: Bool) {
        number += 1
        pods.append(PodFacts(name: "web-\(number)", ready: ready, hasAgent: hasAgent, serving: ready))
    }

    mutating func change(_ name: String, _ body: (inout PodFacts) -> Void) {
        for index in pods.indices where pods[index].name == name { body(&pods[index]) }
    }

    /// Takes a step as a cluster does.
    mutating func take(_ step: PodStep) throws {
        let pod = try #require(pods.first { $0.name == step.pod })
        switch step {
        case .release:
            #expect(pod.place == .member)
            change(pod.name) { $0.place = .released }
        case .retire:
            #expect(pod.place == .released)
            change(pod.name) {
                $0.place = .retired
                $0.serving = false
            }
        case .restore:
            #expect(pod.place == .released)
            change(pod.name) { $0.place = .member }
            // The controller deletes what serves least.
            if let surplus = pods.last(where: { $0.place == .member && !$0.ready }) {
                pods.removeAll { $0.name == surplus.name }
            }
        case .evict:
            pods.removeAll { $0.name == pod.name }
        case .inject:
            change(pod.name) { $0.hasAgent = true }
            linked.insert(pod.name)
        }
    }

    /// The controller makes what is missing.
    mutating func control() {
        while pods.count(where: { $0.place == .member }) < replicas { make(hasAgent: injects, ready: false) }
    }

    /// One pod that is not ready becomes so, and its agent has a link.
    mutating func ripen() {
        guard let pod = pods.first(where: { !$0.ready && $0.place == .member }) else { return }
        change(pod.name) {
            $0.ready = true
            $0.serving = true
        }
        if pod.hasAgent { linked.insert(pod.name) }
    }

    mutating func look() -> PodReplacement.Outcome {
        fewestServing = min(fewestServing, pods.count(where: \.serving))
        mostPods = max(mostPods, pods.count { $0.place != .retired })
        let picture = PodPicture(pods: pods)
        return replacement.onPicture(picture, linked: linked, unfit: unfit.intersection(linked), now: now)
    }

    /// Goes on until it is over.
    mutating func run() throws -> PodReplacement.Verdict {
        for _ in 0..<200 {
            let outcome = look()
            for step in outcome.steps { try take(step) }
            switch outcome.verdict {
            case .going(let moment):
                control()
                if outcome.steps.isEmpty {
                    let count = pods.count(where: \.ready)
                    ripen()
                    if count == pods.count(where: \.ready) { now = moment }
                }
            case let verdict: return verdict
            }
        }
        Issue.record("it has no end")
        return .done
    }
}

@Suite struct PodReplacementTests {
    @Test(
        "with a surge no pod goes before its successor serves, and there are never more than allowed",
        arguments: [(1, 1), (3, 1), (5, 2)]
    )
    func surge(replicas: Int, surge: Int) throws {
        var model = Model(replicas, manner: .surge(surge))
        #expect(try model.run() == .done)
        #expect(model.fewestServing == replicas)
        #expect(model.mostPods == replicas + surge)
        #expect(model.pods.filter { $0.place == .member }.allSatisfy { $0.hasAgent && $0.ready })
    }

    @Test("a pod whose agent does not stand in front of the port is replaced; that the next one is no better is said")
    func unfit() throws {
        var model = Model(1, manner: .surge(1))
        model.change("web-1") { $0.hasAgent = true }
        model.linked = ["web-1"]
        model.unfit = ["web-1"]
        var hopeless = model
        #expect(try model.run() == .done)
        #expect(model.pods.filter { $0.place == .member }.map(\.name) == ["web-2"])
        #expect(model.fewestServing == 1)
        hopeless.unfit.insert("web-2")
        guard case .failed(let failure) = try hopeless.run() else {
            Issue.record("it went well")
            return
        }
        #expect(failure.message.contains("pod web-2 does not stand in front of the wanted port"))
        var lasting = Model(1, manner: .never)
        lasting.change("web-1") { $0.hasAgent = true }
        lasting.linked = ["web-1"]
        lasting.unfit = ["web-1"]
        guard case .failed = try lasting.run() else {
            Issue.record("it went well")
            return
        }
    }

    @Test("agents are taken away in the same way") func removal() throws {
        var model = Model(2, manner: .surge(1), goal: .noAgent)
        #expect(try model.run() == .done)
        #expect(model.fewestServing == 2)
        #expect(model.pods.filter { $0.place == .member }.allSatisfy { !$0.hasAgent })
    }

    @Test("without a surge one pod after another is evicted, from the last") func inPlace() throws {
        var model = Model(3, manner: .inPlace)
        let first = model.look().steps
        #expect(first == [.evict("web-3")])
        try first.forEach { try model.take($0) }
        #expect(try model.run() == .done)
        #expect(model.fewestServing == 2)
        #expect(model.mostPods == 3)
    }

    @Test("a pod waits for its successor's minReadySeconds") func minReady() throws {
        var model = Model(1, manner: .surge(1), minReady: 7)
        #expect(model.look().steps == [.release("web-1")])
        try model.take(.release("web-1"))
        model.control()
        model.ripen()
        model.now = .seconds(3)
        let early = model.look()
        #expect(early.steps == [])
        #expect(early.verdict == .going(until: .seconds(10)))
        model.now = .seconds(10)
        #expect(model.look().steps == [.retire("web-1")])
    }

    @Test("a pod waits for its successor's agent to be linked") func link() throws {
        var model = Model(1, manner: .surge(1))
        try model.look().steps.forEach { try model.take($0) }
        model.control()
        model.ripen()
        model.linked = []
        let outcome = model.look()
        #expect(outcome.steps == [])
        #expect(outcome.told.map(\.phase).contains("agent"))
        model.linked = ["web-2"]
        #expect(model.look().steps == [.retire("web-1")])
    }

    @Test("it is done only when no endpoint leads to the old pod, and every node knows it") func propagation() throws {
        var model = Model(1, manner: .surge(1))
        try model.look().steps.forEach { try model.take($0) }
        model.control()
        model.ripen()
        #expect(model.look().steps == [.retire("web-1")])
        model.change("web-1") { $0.place = .retired }
        guard case .going = model.look().verdict else {
            return #expect(Bool(false), "an endpoint leads to the old pod")
        }
        model.change("web-1") { $0.serving = false }
        #expect(model.look().verdict == .going(until: .seconds(1)))
        model.now = .seconds(1)
        #expect(model.look().verdict == .done)
    }

    @Test("nothing is done, and nobody waits, where all pods have agents") func nothing() {
        var model = Model(2, manner: .surge(1), goal: .agent)
        for index in model.pods.indices { model.pods[index].hasAgent = true }
        model.linked = ["web-1", "web-2"]
        let outcome = model.look()
        #expect(outcome.verdict == .done && outcome.steps == [] && outcome.told == [])
    }

    @Test("a successor that cannot start is told within seconds, and the old pod is given back") func stuck() throws {
        var model = Model(1, manner: .surge(1))
        try model.look().steps.forEach { try model.take($0) }
        model.control()
        model.change("web-2") {
            $0.gravity = .stuck
            $0.trouble = "container traffic-agent: ImagePullBackOff"
        }
        #expect(model.look().told.map(\.text).contains("pod web-2: container traffic-agent: ImagePullBackOff"))
        model.now = .seconds(2)
        let outcome = model.look()
        #expect(outcome.steps == [.restore("web-1")])
        guard case .failed(let failure) = outcome.verdict else { return #expect(Bool(false), "it goes on") }
        #expect(failure.message == "pod web-2 does not start: container traffic-agent: ImagePullBackOff")
        try model.take(.restore("web-1"))
        #expect(model.pods.map(\.name) == ["web-1"])
    }

    @Test("what keeps a controller from making pods is told") func problem() throws {
        var model = Model(1, manner: .surge(1))
        try model.look().steps.forEach { try model.take($0) }
        let picture = PodPicture(pods: model.pods, problem: "exceeded quota: small")
        _ = model.replacement.onPicture(picture, linked: [], now: .seconds(1))
        let outcome = model.replacement.onPicture(picture, linked: [], now: .seconds(3))
        #expect(outcome.steps == [.restore("web-1")])
        guard case .failed(let failure) = outcome.verdict else { return #expect(Bool(false), "it goes on") }
        #expect(failure.message == "no new pod of deployment web.default can be made: exceeded quota: small")
    }

    @Test("a pod that was made without an agent is noticed at once") func bare() throws {
        var model = Model(1, manner: .surge(1))
        try model.look().steps.forEach { try model.take($0) }
        model.make(hasAgent: false, ready: false)
        let outcome = model.look()
        #expect(outcome.verdict == .bare(pod: "web-2"))
        #expect(outcome.steps == [.restore("web-1")])
    }

    @Test("a disruption budget is told of and asked again") func budget() {
        var model = Model(2, manner: .inPlace)
        #expect(model.look().steps == [.evict("web-2")])
        let refusal = ManagerFailure(.exhausted, "budget")
        #expect(model.replacement.onRefused(.evict("web-2"), refusal, now: .zero) == nil)
        let held = model.look()
        #expect(held.steps == [] && held.told.map(\.text) == ["a disruption budget holds pod web-2 back"])
        model.now = .seconds(1)
        #expect(model.look().steps == [.evict("web-2")])
    }

    /// Refuses every step until it is over, or until a moment.
    private func refuse(_ model: inout Model, until end: Duration = .seconds(300)) -> (tries: Int, text: String) {
        var tries = 0
        while model.now < end {
            let outcome = model.look()
            tries += outcome.steps.count
            for step in outcome.steps {
                #expect(model.replacement.onRefused(step, ManagerFailure(.exhausted, "busy"), now: model.now) == nil)
            }
            switch outcome.verdict {
            case .failed(let failure): return (tries, failure.message)
            // The next try is known only when the refusal is.
            case .going(let moment): if outcome.steps.isEmpty { model.now = moment }
            case let verdict:
                Issue.record("it ends with \(verdict)")
                return (tries, "")
            }
        }
        return (tries, "")
    }

    @Test(
        "what is refused again and again is given up in time, and why is said",
        arguments: [
            (ReplacementManner.inPlace, "a disruption budget holds pod web-1 back"),
            (.never, "pod web-1 cannot be changed: busy"), (.surge(1), "pod web-1 cannot be changed: busy"),
        ]
    )
    func refusedForEver(manner: ReplacementManner, reason: String) {
        var model = Model(1, manner: manner)
        let (tries, text) = refuse(&model)
        #expect(text == "no agent came up in deployment web.default in time: \(reason)")
        #expect(model.now == .seconds(30) && tries == 30)
    }

    @Test("a budget that permits in the end is forgotten: what is waited for then has its own time and words")
    func permitted() throws {
        var model = Model(1, manner: .inPlace)
        #expect(refuse(&model, until: .seconds(20)) == (20, ""))
        #expect(model.look().steps == [.evict("web-1")])
        model.change("web-1") { $0.terminating = true }
        _ = model.look()
        try model.take(.evict("web-1"))
        model.control()
        _ = model.look()
        model.now = .seconds(49)
        guard case .going = model.look().verdict else {
            Issue.record("the successor had no time")
            return
        }
        model.now = .seconds(200)
        let text = "no agent came up in deployment web.default in time: pod web-2 is not ready"
        #expect(model.look().verdict == .failed(ManagerFailure(.timeout, text)))
    }

    @Test("that a numbered pod was replaced is seen, though its end was not") func sameName() throws {
        var model = Model(2, manner: .inPlace)
        #expect(model.look().steps == [.evict("web-2")])
        model.change("web-2") {
            $0.uid = "another"
            $0.hasAgent = true
        }
        model.linked = ["web-2"]
        #expect(model.look().steps == [.evict("web-1")])
    }

    @Test("where no label can be taken off, pods are replaced in place") func noSpareLabel() {
        var model = Model(2, manner: .surge(1))
        #expect(model.look().steps == [.release("web-1")])
        #expect(model.replacement.onRefused(.release("web-1"), ManagerFailure(.precondition, ""), now: .zero) == nil)
        #expect(model.look().steps == [.evict("web-2")])
    }

    @Test("pods that cannot be replaced get their agent while they run") func ephemeral() throws {
        var model = Model(2, manner: .never)
        let first = model.look().steps
        #expect(first == [.inject("web-1"), .inject("web-2")])
        try first.forEach { try model.take($0) }
        #expect(try model.run() == .done)
        #expect(model.fewestServing == 2 && model.mostPods == 2)
    }

    @Test("it gives up when nothing moves any more, and says why") func timeout() throws {
        var model = Model(1, manner: .surge(1))
        try model.look().steps.forEach { try model.take($0) }
        model.control()
        _ = model.look()
        model.now = .seconds(31)
        let outcome = model.look()
        #expect(outcome.steps == [.restore("web-1")])
        let text = "no agent came up in deployment web.default in time: pod web-2 is not ready"
        #expect(outcome.verdict == .failed(ManagerFailure(.timeout, text)))
    }
}
