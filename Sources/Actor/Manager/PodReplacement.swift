/// Decides how the pods of a workload are replaced by pods with an agent, or without one, so that no request is lost.
///
/// Pure; moments are durations since the beginning. Where the workload may have more pods than wanted for a while (`surge`), a pod
/// is *released*: a label by which its controller counts it is taken off, so that a successor is made at once, while services,
/// which do not select by that label, go on sending it traffic. When the successor is available and its agent is linked, the
/// pod is *retired*: taken out of the services, and deleted once its last requests have ended. If the successor fails, the pod
/// is given back, and the controller deletes the successor: the workload is as it was before.
///
/// ```
///   member ──release──► released ──successor available──► retired ──► gone
///     ▲                    │
///     └──────restore───────┘ successor fails
/// ```
///
/// This was chosen over a rollout (a patch of the pod template): it changes nothing that outlives it (no drift from what is in
/// version control, no new revision), needs no right to change workloads, can be undone, and also spares programs that end at
/// once on SIGTERM, as they get no new connections any more when it comes.
package struct PodReplacement: Sendable {
    /// What every pod is to have in the end.
    package enum Goal: Sendable, Hashable {
        case agent
        case noAgent
    }

    /// How long things are waited for.
    package struct Patience: Sendable {
        /// Since the last step forward.
        package var arrival: Duration
        /// A container that cannot run.
        package var stuck: Duration
        /// A pod that no node has room for.
        package var unschedulable: Duration
        /// Between a change of endpoints and its effect on every node.
        package var propagation: Duration
        /// Between two tries against a disruption budget.
        package var budget: Duration

        package init(
            arrival: Duration = .seconds(30),
            stuck: Duration = .seconds(2),
            unschedulable: Duration = .seconds(8),
            propagation: Duration = .seconds(1),
            budget: Duration = .seconds(1)
        ) {
            self.arrival = arrival
            self.stuck = stuck
            self.unschedulable = unschedulable
            self.propagation = propagation
            self.budget = budget
        }
    }

    /// How it stands.
    package enum Verdict: Sendable, Equatable {
        /// To be asked again after each change, and at this moment at the latest.
        case going(until: Duration)
        case done
        /// Nothing more will be done but the steps.
        case failed(ManagerFailure)
        /// A pod was made that should have got an agent and has none.
        case bare(pod: String)
    }

    /// What to do, what to tell the user, and how it stands.
    package struct Outcome: Sendable, Equatable {
        package var steps: [PodStep] = []
        package var told: [Told] = []
        package var verdict: Verdict
    }

    /// A line of progress.
    package struct Told: Sendable, Hashable {
        package let phase: String
        package let text: String
    }

    private let workload: WorkloadFacts
    private let goal: Goal
    private var manner: ReplacementManner
    private let patience: Patience
    private let minimumReady: Duration

    private var initial: Set<String>?
    /// So many pods were ready at the beginning and must be throughout.
    private var floor = 0
    private var readySince: [String: Duration] = [:]
    private var troubleSince: [String: Duration] = [:]
    private var problemSince: Duration?
    private var lastStep = Duration.zero
    private var lastSeen: Set<String> = []
    /// Pods that a step was taken for and whose change has not been seen yet.
    private var pending: [String: PodStep] = [:]
    /// Steps that could not be taken, and why; to try them again is no step forward.
    private var refused: [PodStep: Told] = [:]
    /// The uids of the pods that were seen last, by name.
    private var uids: [String: String] = [:]
    private var retryAt: Duration?
    private var acted = false
    private var cleanSince: Duration?
    private var told: Set<Told> = []
    /// Pods whose agent is of no use, as it does not stand in front of the ports that are wanted.
    private var unfit: Set<String> = []
    /// The containers that are to run in no pod at present.
    private var replaced: Set<String> = []
    /// Pods made since `replaced` is what it is, in which other containers are replaced than those.
    private var strange: Set<String> = []

    package init(
        workload: WorkloadFacts,
        goal: Goal,
        manner: ReplacementManner,
        patience: Patience = Patience()
    ) {
        self.workload = workload
        self.goal = goal
        self.manner = manner
        self.patience = patience
        minimumReady = .seconds(workload.minReadySeconds)
    }

    /// A step could not be taken.
    package mutating func onRefused(_ step: PodStep, _ failure: ManagerFailure, now: Duration) -> ManagerFailure? {
        pending[step.pod] = nil
        switch (step, failure.code) {
        case (.evict, .exhausted):
            refused[step] = Told(phase: "budget", text: "a disruption budget holds pod \(step.pod) back")
            retryAt = now + patience.budget
            return nil
        case (_, .exhausted), (_, .unavailable), (_, .timeout):
            refused[step] = Told(phase: "refused", text: "pod \(step.pod) cannot be changed: \(failure.message)")
            retryAt = now + patience.budget
            return nil
        case (.release, .precondition):
            // Services select by that label too, or there is none: as if the workload had no surge.
            manner = .inPlace
            retryAt = now
            return nil
        default: return failure
        }
    }

    /// A look at the workload.
    ///
    /// - Parameters:
    ///   - picture: its pods.
    ///   - linked: the pods whose agents have a session.
    ///   - unfit: those among them whose agents do not stand in front of all ports that are wanted.
    ///   - replaced: the containers that are to run in no pod; may be others than the last time.
    ///   - now: the moment.
    /// - Returns: What to do.
    package mutating func onPicture(
        _ picture: PodPicture,
        linked: Set<String>,
        unfit: Set<String> = [],
        replaced: Set<String> = [],
        now: Duration
    ) -> Outcome {
        self.unfit = unfit
        if replaced != self.replaced {
            self.replaced = replaced
            strange = []
            refused = [:]
            if initial != nil { initial = Set(picture.pods.map(\.uid)) }
            lastStep = now
        }
        observe(picture, linked, now)
        let pods = picture.pods
        let members = pods.filter { $0.place == .member && !$0.terminating }
        let released = pods.filter { $0.place == .released && !$0.terminating }
        if let verdict = failure(picture, members, linked, now) {
            return Outcome(steps: released.map { .restore($0.name) }, verdict: verdict)
        }
        let wrong = members.filter { !isRight($0) }
        let right = members.filter { isRight($0) && isAvailable($0, linked, now) }
        if wrong.isEmpty, released.isEmpty, isDone(pods, members, right, now) { return Outcome(verdict: .done) }
        var steps: [PodStep] = []
        if (retryAt ?? now) <= now {
            retryAt = nil
            switch manner {
            case .surge(let surge):
                steps = surgeSteps(surge, wrong, released, members.filter { isAvailable($0, linked, now) }, right)
            case .inPlace:
                // What was released before must not be forgotten.
                steps = retirements(released, members.filter { isAvailable($0, linked, now) }, right)
                if steps.isEmpty, let pod = nextToEvict(wrong, members, linked, now) { steps = [.evict(pod)] }
            case .never: steps = wrong.filter(\.ready).map { .inject($0.name) }
            }
            steps.removeAll { pending[$0.pod] == $0 }
        }
        for step in steps { pending[step.pod] = step }
        if !steps.isEmpty {
            acted = true
            if steps.contains(where: { refused[$0] == nil }) { lastStep = now }
        }
        var lines = steps.compactMap(Self.line) + waitingLines(wrong, members, linked)
        lines.removeAll { !told.insert($0).inserted }
        return Outcome(steps: steps, told: lines, verdict: .going(until: nextLook(now)))
    }

    // MARK: what is seen

    private func isRight(_ pod: PodFacts) -> Bool {
        goal == .agent ? pod.hasAgent && pod.replaced == replaced && !unfit.contains(pod.name) : !pod.hasAgent
    }

    private func isAvailable(_ pod: PodFacts, _ linked: Set<String>, _ now: Duration) -> Bool {
        guard pod.ready, let since = readySince[pod.uid], now - since >= minimumReady else { return false }
        return goal == .noAgent || !pod.hasAgent || linked.contains(pod.name)
    }

    private mutating func observe(_ picture: PodPicture, _ linked: Set<String>, _ now: Duration) {
        let members = picture.pods.filter { $0.place == .member && !$0.terminating }
        if initial == nil {
            initial = Set(picture.pods.map(\.uid))
            floor = min(workload.replicas, members.filter(\.ready).count)
            // Those that are ready already have been so for long enough.
            for pod in members where pod.ready { readySince[pod.uid] = now - minimumReady }
        }
        for pod in picture.pods {
            readySince[pod.uid] = pod.ready ? readySince[pod.uid] ?? now : nil
            troubleSince[pod.uid] = pod.gravity == .none ? nil : troubleSince[pod.uid] ?? now
            if let step = pending[pod.name], Self.isSeen(step, of: pod) { pending[pod.name] = nil }
            // What was refused may have been done all the same, where only the answer was lost.
            refused = refused.filter { step, _ in step.pod != pod.name || !Self.isSeen(step, of: pod) }
        }
        // A numbered pod's successor has its name.
        let seenUIDs = Dictionary(picture.pods.map { ($0.name, $0.uid) }) { first, _ in first }
        pending = pending.filter { seenUIDs[$0.key] == uids[$0.key] }
        refused = refused.filter { seenUIDs[$0.key.pod] == uids[$0.key.pod] }
        uids = seenUIDs
        problemSince = picture.problem.isEmpty ? nil : problemSince ?? now
        let seen = Set(
            picture.pods.map { "\($0.uid) \($0.ready) \($0.place) \($0.terminating) \(linked.contains($0.name))" }
        )
        if seen != lastSeen {
            lastSeen = seen
            lastStep = now
        }
    }

    /// A pod shows what a step has made of it.
    private static func isSeen(_ step: PodStep, of pod: PodFacts) -> Bool {
        switch step {
        case .release: pod.place != .member
        case .retire: pod.place == .retired
        case .restore: pod.place == .member
        case .evict: pod.terminating
        case .inject: pod.hasAgent
        }
    }

    // MARK: the end, good or bad

    private mutating func isDone(
        _ pods: [PodFacts],
        _ members: [PodFacts],
        _ right: [PodFacts],
        _ now: Duration
    ) -> Bool {
        if workload.replicas == 0, members.isEmpty { return true }
        guard !right.isEmpty, right.count == members.filter(\.ready).count else { return false }
        // What a queue's consumer takes from the queue on its way out, nobody else gets.
        if pods.contains(where: { !replaced.isSubset(of: $0.replaced) }) { return false }
        // Successors that are still to come are waited for, but not for ever: somebody may have scaled the workload down.
        let missing = members.count < floor || members.contains { !$0.ready }
        if missing, floor > right.count, now - lastStep < patience.arrival / 2 { return false }
        guard !pods.contains(where: { $0.serving && ($0.place != .member || $0.terminating || !isRight($0)) }) else {
            cleanSince = nil
            return false
        }
        guard acted else { return true }
        let since = cleanSince ?? now
        cleanSince = since
        return now - since >= patience.propagation
    }

    private mutating func failure(
        _ picture: PodPicture,
        _ members: [PodFacts],
        _ linked: Set<String>,
        _ now: Duration
    ) -> Verdict? {
        for pod in members where isRight(pod) && !pod.ready {
            guard let since = troubleSince[pod.uid] else { continue }
            let limit = pod.gravity == .stuck ? patience.stuck : patience.unschedulable
            if now - since >= limit {
                return .failed(ManagerFailure(.precondition, "pod \(pod.name) does not start: \(pod.trouble)"))
            }
        }
        if let problemSince, now - problemSince >= patience.stuck / 2 {
            let text = "no new pod of \(workload.key) can be made: \(picture.problem)"
            return .failed(ManagerFailure(.precondition, text))
        }
        // Where pods are replaced, the webhook must have been there; where agents come later, it need not.
        if goal == .agent, manner != .never, let initial,
            let bare = members.first(where: { !$0.hasAgent && !initial.contains($0.uid) })
        {
            return .bare(pod: bare.name)
        }
        // Another pod would be no better than one that has just been made, and one that must stay cannot be mended.
        if goal == .agent,
            let pod = members.first(where: {
                unfit.contains($0.name) && (manner == .never || initial?.contains($0.uid) == false)
            })
        {
            let text =
                "the agent in pod \(pod.name) does not stand in front of the wanted port: no service leads to it there, "
                + "and the annotation telepresence.io/inject-container-ports does not name it"
            return .failed(ManagerFailure(.precondition, text))
        }
        for pod in members where goal == .agent && pod.hasAgent && pod.replaced != replaced {
            if initial?.contains(pod.uid) == false { strange.insert(pod.uid) }
        }
        // One may have been under way when that was changed; more would be made for ever.
        if strange.count > 2 * max(1, workload.replicas) {
            let text =
                "new pods of \(workload.key) are made with the wrong containers: does another webhook change them?"
            return .failed(ManagerFailure(.precondition, text))
        }
        guard now - lastStep >= patience.arrival + minimumReady else { return nil }
        return .failed(ManagerFailure(.timeout, complaint(picture, members, linked)))
    }

    /// Says in words why it has not come to an end.
    private func complaint(_ picture: PodPicture, _ members: [PodFacts], _ linked: Set<String>) -> String {
        let start =
            goal == .agent
            ? "no agent came up in \(workload.key) in time: "
            : "the pods of \(workload.key) were not replaced in time: "
        if members.isEmpty { return start + "it has no pods" }
        if let text = refused.values.map(\.text).min() { return start + text }
        if let bare = members.first(where: { !isRight($0) }) { return start + "pod \(bare.name) is still there" }
        if let trouble = members.first(where: { !$0.trouble.isEmpty }) {
            return start + "pod \(trouble.name): \(trouble.trouble)"
        }
        if goal == .agent, let silent = members.first(where: { $0.ready && !linked.contains($0.name) }) {
            return start + "the agent in pod \(silent.name) does not reach the traffic manager"
        }
        if let old = picture.pods.first(where: { !replaced.isSubset(of: $0.replaced) }) {
            return start + "pod \(old.name) has not ended yet"
        }
        return start + "pod \(members[0].name) is not ready"
    }

    private func nextLook(_ now: Duration) -> Duration {
        var moments = [lastStep + patience.arrival + minimumReady, lastStep + patience.arrival / 2]
        moments += troubleSince.values.flatMap { [$0 + patience.stuck, $0 + patience.unschedulable] }
        moments += readySince.values.map { $0 + minimumReady }
        moments += [
            problemSince.map { $0 + patience.stuck / 2 }, cleanSince.map { $0 + patience.propagation }, retryAt,
        ]
        .compactMap { $0 }
        return moments.filter { $0 > now }.min() ?? now + patience.arrival
    }

    // MARK: steps

    private func surgeSteps(
        _ surge: Int,
        _ wrong: [PodFacts],
        _ released: [PodFacts],
        _ available: [PodFacts],
        _ right: [PodFacts]
    ) -> [PodStep] {
        var steps = retirements(released, available, right)
        // Those that serve nobody first.
        let next = wrong.filter { pending[$0.name] == nil }.sorted { !$0.ready && $1.ready }
        let underway = released.count + wrong.count { pending[$0.name] != nil } - steps.count
        steps += next.prefix(max(0, surge - underway)).map { .release($0.name) }
        return steps
    }

    private func retirements(_ released: [PodFacts], _ available: [PodFacts], _ right: [PodFacts]) -> [PodStep] {
        var serving = available.count + released.count { $0.ready && pending[$0.name] == nil }
        var steps: [PodStep] = []
        for pod in released where pending[pod.name] == nil {
            if pod.ready {
                guard !right.isEmpty, serving - 1 >= floor else { continue }
                serving -= 1
            }
            steps.append(.retire(pod.name))
        }
        return steps
    }

    /// One at a time, and the next only when the one before has been replaced.
    private func nextToEvict(
        _ wrong: [PodFacts],
        _ members: [PodFacts],
        _ linked: Set<String>,
        _ now: Duration
    ) -> String? {
        guard !pending.values.contains(where: { if case .evict = $0 { true } else { false } }) else { return nil }
        if let useless = wrong.first(where: { !$0.ready }) { return useless.name }
        guard members.count(where: { isAvailable($0, linked, now) }) >= floor else { return nil }
        // Numbered pods are replaced from the last, as their own controller does.
        return wrong.max { $0.name.count == $1.name.count ? $0.name < $1.name : $0.name.count < $1.name.count }?.name
    }

    // MARK: words

    private static func line(_ step: PodStep) -> Told? {
        switch step {
        case .release(let pod): Told(phase: "replace", text: "bringing up a successor of pod \(pod)")
        case .retire(let pod): Told(phase: "retire", text: "taking pod \(pod) out of service")
        case .evict(let pod): Told(phase: "evict", text: "replacing pod \(pod)")
        case .inject(let pod): Told(phase: "inject", text: "adding an agent to the running pod \(pod)")
        case .restore: nil
        }
    }

    private func waitingLines(_ wrong: [PodFacts], _ members: [PodFacts], _ linked: Set<String>) -> [Told] {
        var lines: [Told] = []
        if retryAt != nil { lines += refused.values.filter { $0.phase == "budget" } }
        for pod in members where isRight(pod) && !pod.ready && !pod.trouble.isEmpty {
            lines.append(Told(phase: "trouble", text: "pod \(pod.name): \(pod.trouble)"))
        }
        if wrong.isEmpty, goal == .agent, members.contains(where: { $0.ready && !linked.contains($0.name) }) {
            lines.append(Told(phase: "agent", text: "waiting for the agent's link"))
        } else if acted, members.contains(where: { isRight($0) && !$0.ready }) {
            lines.append(Told(phase: "ready", text: "waiting for the new pod to be ready"))
        }
        return lines
    }
}
