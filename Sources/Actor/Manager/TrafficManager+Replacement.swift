import Logging
import Message

/// Carrying out what ``PodReplacement`` decides.
extension TrafficManager {
    /// Sees to it that all pods of a workload have an agent, or that none has; others who want the same share the work.
    ///
    /// It goes on when the task is cancelled: half a replacement serves nobody.
    func replacePods(
        of workload: WorkloadFacts,
        goal: PodReplacement.Goal,
        manner: ReplacementManner,
        ports: Set<AgentRoutes.Port> = [],
        request: String = "",
        session: String = ""
    ) async throws(ManagerFailure) {
        let key = workload.key
        let listener = ReplacementDesk.Listener(request: request, session: session)
        // The opposite is under way, or less than is wanted: it comes to its end first.
        while let opposite = desk.running[key], opposite.goal != goal || !ports.isSubset(of: opposite.ports) {
            let ended: Bool? = await waiting(on: Self.name(opposite.ticket), patience: .seconds(3600)) { manager in
                manager.desk.running[key]?.ticket == opposite.ticket ? nil : true
            }
            guard ended != nil else { throw ManagerFailure(.aborted, "the request was given up") }
        }
        let ticket: UInt64
        if let running = desk.running[key] {
            ticket = running.ticket
            desk.running[key]?.audience.append(listener)
        } else {
            ticket = desk.nextTicket()
            let (wakes, wake) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
            desk.running[key] = ReplacementDesk.Running(
                ticket: ticket,
                goal: goal,
                ports: ports,
                wake: wake,
                audience: [listener]
            )
            Task {
                let result = await self.carryOut(workload, goal, manner, ports, wakes, wake)
                // Before another one can begin.
                await self.cluster.letGo(of: key)
                self.ended(key, ticket, result)
            }
        }
        desk.waiting[ticket, default: 0] += 1
        let result = await waiting(on: Self.name(ticket), patience: .seconds(3600)) { $0.desk.outcomes[ticket] }
        desk.take(ticket)
        guard let result else { throw ManagerFailure(.aborted, "the request was given up") }
        try result.get()
    }

    private func ended(_ key: WorkloadKey, _ ticket: UInt64, _ result: Result<Void, ManagerFailure>) {
        desk.running[key] = nil
        if desk.waiting[ticket] != nil { desk.outcomes[ticket] = result }
        wake(Self.name(ticket))
    }

    /// What those wait for who wait for a replacement.
    private static func name(_ ticket: UInt64) -> String { "replacement \(ticket)" }

    private func carryOut(
        _ workload: WorkloadFacts,
        _ goal: PodReplacement.Goal,
        _ manner: ReplacementManner,
        _ ports: Set<AgentRoutes.Port>,
        _ wakes: AsyncStream<Void>,
        _ wake: AsyncStream<Void>.Continuation
    ) async -> Result<Void, ManagerFailure> {
        let key = workload.key
        var replacement = PodReplacement(
            workload: workload,
            goal: goal,
            manner: manner,
            patience: PodReplacement.Patience(arrival: timeouts.agentArrival, propagation: timeouts.propagation)
        )
        let clock = ContinuousClock()
        let began = clock.now
        let latest = LatestPicture()
        let following = cluster.follow(key)
        let follower = Task {
            for await picture in following {
                latest.set(picture)
                wake.yield()
            }
        }
        var loose = LoosePods()
        func failed(_ failure: ManagerFailure) async -> Result<Void, ManagerFailure> {
            await giveBack(loose.names, key)
            return .failure(failure)
        }
        var alarm: Task<Void, Never>?
        defer {
            follower.cancel()
            alarm?.cancel()
        }
        for await _ in wakes {
            guard let look = latest.value else { continue }
            let picture: PodPicture
            switch look {
            case .success(let seen): picture = seen
            case .failure(let failure): return await failed(failure)
            }
            loose.see(picture)
            let now = began.duration(to: clock.now)
            let outcome = replacement.onPicture(
                picture,
                linked: machine.pods(of: key),
                unfit: machine.pods(of: key, without: ports),
                replaced: goal == .agent ? machine.replacedContainers(of: key) : [],
                now: now
            )
            if goal == .agent, let reason = cluster.noInjector, outcome.steps.contains(where: \.makesPod) {
                return await failed(ManagerFailure(.precondition, reason))
            }
            for line in outcome.told { tellAudience(of: key, line) }
            for step in outcome.steps {
                loose.begin(step)
                guard let failure = await take(step, key) else {
                    loose.end(step)
                    continue
                }
                let moment = began.duration(to: clock.now)
                guard let fatal = replacement.onRefused(step, failure, now: moment) else { continue }
                return await failed(fatal)
            }
            switch outcome.verdict {
            case .done: return .success(())
            case .failed(let failure): return await failed(failure)
            case .bare(let pod):
                await giveBack(loose.names, key)
                return .failure(await explain(bare: pod, key))
            case .going(let moment):
                alarm?.cancel()
                let deadline = began.advanced(by: moment)
                alarm = Task {
                    guard (try? await Task.sleep(until: deadline, clock: .continuous)) != nil else { return }
                    wake.yield()
                }
                // A refusal may ask for an earlier look than the machine knew of.
                if !outcome.steps.isEmpty { wake.yield() }
            }
        }
        return .failure(ManagerFailure(.aborted, "the traffic manager is ending"))
    }

    /// Takes one step.
    ///
    /// - Returns: Why it could not be taken.
    private func take(_ step: PodStep, _ workload: WorkloadKey) async -> ManagerFailure? {
        do throws(ManagerFailure) {
            logger.info("pod", metadata: ["step": "\(step)", "workload": "\(workload)"])
            try await cluster.perform(step, of: workload)
            return nil
        } catch {
            logger.warning("pod step", metadata: ["step": "\(step)", "reason": "\(error.message)"])
            return error
        }
    }

    /// Gives released pods back to their controller; where that fails, the cluster does it when it tidies up.
    private func giveBack(_ pods: [String], _ workload: WorkloadKey) async {
        for pod in pods { _ = await take(.restore(pod), workload) }
    }

    /// Says why a new pod has no agent.
    private func explain(bare pod: String, _ workload: WorkloadKey) async -> ManagerFailure {
        let start = "pod \(pod) was made without an agent: "
        if let refusal = desk.refusals[workload] { return ManagerFailure(.precondition, start + refusal) }
        if let reason = cluster.noInjector { return ManagerFailure(.precondition, start + reason) }
        let problem = await testWebhook()
        guard problem.isEmpty else { return ManagerFailure(.precondition, start + problem) }
        return ManagerFailure(
            .precondition,
            start + "the API server did not ask the admission webhook; does its namespaceSelector leave "
                + "\(workload.namespace) out?"
        )
    }

    private func tellAudience(of workload: WorkloadKey, _ line: PodReplacement.Told) {
        for listener in desk.running[workload]?.audience ?? [] {
            progress(listener.request, line.phase, line.text, to: listener.session)
        }
    }

    // MARK: what the injector says

    /// Finds out whether new pods pass the injector; those who are connected are told when that has changed.
    ///
    /// - Returns: What is wrong; empty when they do.
    @discardableResult
    package func testWebhook() async -> String {
        let found = await cluster.testWebhook()
        if found != webhookProblem {
            webhookProblem = found
            if found.isEmpty {
                logger.info("the admission webhook is reached again")
            } else {
                logger.error("new pods get no agent", metadata: ["reason": "\(found)"])
            }
            await refreshClusterInfo()
        }
        return found
    }

    /// The injector has passed a new pod of a workload over, or not.
    package func injected(_ workload: WorkloadKey, refusal: String?) {
        desk.refusals[workload] = refusal
    }
}
