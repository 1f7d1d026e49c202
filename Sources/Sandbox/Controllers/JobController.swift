import Cluster

/// Runs the pods of a Job until enough have succeeded or too many have failed.
struct JobController: Sendable {
    let api: ObjectAPI
    let events: EventRecorder

    init(api: ObjectAPI) {
        self.api = api
        self.events = EventRecorder(store: api.store, component: "job-controller")
    }

    /// Works until its task is cancelled.
    func run() async {
        let loop = ControllerLoop("job", store: self.api.store)
        loop.watchOwn(.jobs)
        loop.watchOwned(.pods, by: .jobs)
        loop.watchOrphans(.pods)
        await loop.run { key throws(StatusError) in
            if key.name.isEmpty { return loop.addAll(.jobs, in: key.namespace, of: self.api.store) }
            try await self.reconcile(key, loop)
        }
    }

    private func reconcile(_ key: ObjectKey, _ loop: ControllerLoop) async throws(StatusError) {
        let store = self.api.store
        guard let job = store.find(.jobs, namespace: key.namespace, name: key.name), !job.isTerminating else { return }
        let over = (job.at("status", "conditions")?.array ?? []).contains {
            ["Complete", "Failed"].contains($0["type"]?.string ?? "") && $0["status"]?.string == "True"
        }
        if over { return try await self.expire(job, loop) }
        let pods = Claims.settle(job, .jobs, .pods, store: store)
        let succeeded = pods.filter { $0.at("status", "phase")?.string == "Succeeded" }.count
        let failed = pods.filter { $0.at("status", "phase")?.string == "Failed" }.count
        var active = pods.filter(\.isActivePod)
        let completions = job.at("spec", "completions")?.int ?? 1
        let limit = job.at("spec", "backoffLimit")?.int ?? 6
        let suspended = job.at("spec", "suspend")?.bool ?? false
        let late = self.isLate(job, loop)
        let hasFailed = failed > limit || late
        if hasFailed || suspended {
            for pod in active { _ = try? await self.api.delete(.pods, namespace: key.namespace, name: pod.name) }
            active = []
        } else {
            let wanted = min(job.at("spec", "parallelism")?.int ?? 1, completions - succeeded)
            while active.count < wanted {
                let pod = (job.at("spec", "template") ?? .emptyObject).pod(owner: job, .jobs, name: nil)
                let created = try await self.api.create(.pods, pod, namespace: key.namespace)
                active.append(created)
                self.events.record(job, "SuccessfulCreate", "Created pod: \(created.name)")
            }
        }
        let done = succeeded >= completions
        let ready = active.filter { $0.readySince != nil }.count
        let running = active.count
        try store.update(.jobs, namespace: key.namespace, name: key.name, part: .status) { old in
            var status = old["status"] ?? .emptyObject
            status["startTime"] = status["startTime"] ?? .string(Timestamp.now())
            for (name, count) in [("active", running), ("succeeded", succeeded), ("failed", failed), ("ready", ready)] {
                status[name] = count == 0 && name != "ready" ? nil : .integer(Int64(count))
            }
            let conditions = old.at("status", "conditions")?.array ?? []
            if done {
                status["completionTime"] = .string(Timestamp.now())
                status["conditions"] = .array(
                    Conditions.set(
                        conditions,
                        "Complete",
                        true,
                        "CompletionsReached",
                        "Reached expected number of succeeded pods",
                        updated: false
                    )
                )
            } else if hasFailed {
                status["conditions"] = .array(
                    late
                        ? Conditions.set(
                            conditions,
                            "Failed",
                            true,
                            "DeadlineExceeded",
                            "Job was active longer than specified deadline",
                            updated: false
                        )
                        : Conditions.set(
                            conditions,
                            "Failed",
                            true,
                            "BackoffLimitExceeded",
                            "Job has reached the specified backoff limit",
                            updated: false
                        )
                )
            }
            var new = old
            new["status"] = status
            return new
        }
        if done { self.events.record(job, "Completed", "Job completed") }
    }

    private func isLate(_ job: JSONValue, _ loop: ControllerLoop) -> Bool {
        guard let limit = job.at("spec", "activeDeadlineSeconds")?.integer.map({ min($0, 1 << 40) }) else {
            return false
        }
        let began = job.at("status", "startTime")?.string.flatMap(Timestamp.parse) ?? Timestamp.seconds()
        let left = began + limit - Timestamp.seconds()
        if left > 0 { loop.add(ObjectKey(job), after: .seconds(min(left, 86400))) }
        return left <= 0
    }

    /// Deletes a Job that has ended, once its `ttlSecondsAfterFinished` are over.
    private func expire(_ job: JSONValue, _ loop: ControllerLoop) async throws(StatusError) {
        guard let limit = job.at("spec", "ttlSecondsAfterFinished")?.integer.map({ min($0, 1 << 40) }) else { return }
        let ended = (job.at("status", "conditions")?.array ?? []).compactMap {
            $0["lastTransitionTime"]?.string.flatMap(Timestamp.parse)
        }.max()
        let left = (ended ?? 0) + limit - Timestamp.seconds()
        if left > 0 { return loop.add(ObjectKey(job), after: .seconds(min(left, 86400))) }
        _ = try? await self.api.delete(.jobs, namespace: job.namespace, name: job.name)
    }
}
