package import Actor
import Cluster
import Synchronization

extension KubernetesCluster {
    package func follow(_ workload: WorkloadKey) -> AsyncStream<Result<PodPicture, ManagerFailure>> {
        // Whoever looks wants the present, not history.
        let (pictures, feed) = AsyncStream.makeStream(
            of: Result<PodPicture, ManagerFailure>.self,
            bufferingPolicy: .bufferingNewest(1)
        )
        let task = Task {
            do throws(ManagerFailure) {
                let selection = try await self.selection(of: workload)
                await self.watch(workload, selection, feed)
            } catch {
                feed.yield(.failure(error))
            }
            feed.finish()
        }
        feed.onTermination = { _ in task.cancel() }
        return pictures
    }

    /// Which pods a workload's selector chooses, and which services choose them.
    private func selection(
        of workload: WorkloadKey
    ) async throws(ManagerFailure) -> (pods: APISelection, services: [String]) {
        guard let (resource, _) = Self.kinds.first(where: { $0.1 == workload.kind }) else {
            throw ManagerFailure(.invalid, "\(workload) is of a kind that has no pods")
        }
        do throws(APIError) {
            let object = try await api.get(resource, namespace: workload.namespace, name: workload.name)
            let labels: [String: String]
            let pods: APISelection
            if workload.kind == "Pod" {
                labels = PodView(object).labels
                pods = APISelection(fields: "metadata.name=\(workload.name)")
            } else {
                labels = WorkloadView(object, kind: workload.kind).template.labels
                guard let selection = APISelection(selector: object.at("spec", "selector")) else {
                    throw APIError(kind: .invalid, message: "\(workload) has no selector")
                }
                pods = selection
            }
            let services = try await api.list(.services, namespace: workload.namespace).items.map { ServiceView($0) }
            return (pods, services.filter { $0.selects(labels) }.map(\.name))
        } catch {
            throw ManagerFailure(error)
        }
    }

    private func watch(
        _ workload: WorkloadKey,
        _ selection: (pods: APISelection, services: [String]),
        _ feed: AsyncStream<Result<PodPicture, ManagerFailure>>.Continuation
    ) async {
        let state = WatchedPods(WorkloadPods(workload))
        let names = selection.services.sorted().joined(separator: ",")
        let watches: [(WorkloadPods.Source, APIResource, APISelection)] = [
            (.members, .pods, selection.pods),
            (.replaced, .pods, APISelection(labels: InjectionAnnotations.replaced)),
            (.endpoints, .endpointSlices, APISelection(labels: "kubernetes.io/service-name in (\(names))")),
            (.events, .events, APISelection(fields: "type=Warning")),
        ]
        await withTaskGroup(of: Void.self) { group in
            for (source, resource, which) in watches {
                if source == .endpoints, names.isEmpty {
                    state.with { $0.giveUp(source) }
                    continue
                }
                let watch = ResourceWatch(api, resource, namespace: workload.namespace, selection: which)
                group.addTask {
                    do throws(APIError) {
                        try await watch.run { change in
                            if let picture = state.with({ pods -> PodPicture? in
                                pods.apply(change, from: source)
                                return pods.picture
                            }) {
                                feed.yield(.success(picture))
                            }
                        }
                    } catch {
                        guard !Task.isCancelled else { return }
                        // Pods are needed; the rest makes it only better.
                        if source == .members || source == .replaced {
                            feed.yield(.failure(ManagerFailure(error)))
                            feed.finish()
                        } else if let picture = state.with({ pods -> PodPicture? in
                            pods.giveUp(source)
                            return pods.picture
                        }) {
                            feed.yield(.success(picture))
                        }
                    }
                }
            }
            await group.waitForAll()
        }
    }

    // MARK: steps

    package func perform(_ step: PodStep, of workload: WorkloadKey) async throws(ManagerFailure) {
        do throws(APIError) {
            switch step {
            case .evict(let pod): try await api.evict(pod: pod, namespace: workload.namespace)
            case .release(let pod): try await release(pod, workload)
            case .retire(let pod): try await retire(pod, workload)
            case .restore(let pod): try await restore(pod, workload.namespace)
            case .inject(let pod): try await inject(pod, workload)
            }
        } catch {
            if case .inject = step {
            } else if error.kind == .notFound {
                return
            }
            if error.kind == .tooManyRequests { throw ManagerFailure(.exhausted, error.message) }
            if error.reason == "NoSpareLabel" || error.reason == "NotInjectable" {
                throw ManagerFailure(.precondition, error.message)
            }
            throw ManagerFailure(error)
        }
    }

    /// Takes off a label by which the pod's controller counts it, and no service chooses it.
    private func release(_ name: String, _ workload: WorkloadKey) async throws(APIError) {
        let pod = PodView(try await api.get(.pods, namespace: workload.namespace, name: name))
        guard let owner = pod.controller, owner.kind == "ReplicaSet" else { throw Self.noSpareLabel(name) }
        let set = try await api.get(.replicaSets, namespace: workload.namespace, name: owner.name)
        let counted = Set(WorkloadView(set, kind: owner.kind).matchLabels.keys)
        let services = try await selecting(pod, workload.namespace)
        let spare = counted.subtracting(services.flatMap { $0.selector.keys }).sorted()
        guard let label = spare.first(where: { $0 == "pod-template-hash" }) ?? spare.first else {
            throw Self.noSpareLabel(name)
        }
        try await takeOff([label], pod, workload, stage: "released")
    }

    /// Takes a pod out of its services, and has it deleted later.
    private func retire(_ name: String, _ workload: WorkloadKey) async throws(APIError) {
        let pod = PodView(try await api.get(.pods, namespace: workload.namespace, name: name))
        var labels: Set<String> = []
        for service in try await selecting(pod, workload.namespace)
        where labels.isDisjoint(with: service.selector.keys) {
            if let label = service.selector.keys.min() { labels.insert(label) }
        }
        try await takeOff(labels.sorted(), pod, workload, stage: "retired")
        // Where no service sends it requests, there is no way to it that would have to be forgotten first.
        delete(retired: pod, after: labels.isEmpty ? .zero : lastRequests)
    }

    private func takeOff(
        _ labels: [String],
        _ pod: PodView,
        _ workload: WorkloadKey,
        stage: String
    ) async throws(APIError) {
        // Before the cluster knows it: from then on it would be tidied up. What fails may be done all the same.
        held.withLock { $0.hold(pod.uid, for: workload) }
        var kept = Self.kept(pod)
        for label in labels { kept[label] = pod.labels[label] ?? kept[label] }
        var changes: JSONValue = [InjectionAnnotations.replaced: .string(stage)]
        for label in labels { changes[label] = .some(.null) }
        let patch: JSONValue = [
            "metadata": [
                "uid": .string(pod.uid), "labels": changes,
                "annotations": [
                    InjectionAnnotations.replacedOf: .string(WorkloadPods.name(of: workload)),
                    InjectionAnnotations.replacedLabels: .string(JSONValue(stringMap: kept).text),
                ],
            ]
        ]
        _ = try await api.patch(.pods, namespace: workload.namespace, name: pod.name, .merge(patch))
    }

    /// Puts the labels back: the pod's controller takes it back.
    ///
    /// Where the workload is gone meanwhile, nobody would: such a pod is deleted.
    private func restore(_ name: String, _ namespace: String) async throws(APIError) {
        let pod = PodView(try await api.get(.pods, namespace: namespace, name: name))
        guard pod.labels[InjectionAnnotations.replaced] != nil, !held.withLock({ $0.isLeaving(pod.uid) }) else {
            return
        }
        guard try await hasWorkload(pod, namespace) else {
            return try await api.evict(pod: name, namespace: namespace, uid: pod.uid)
        }
        var labels = JSONValue(stringMap: Self.kept(pod))
        labels[InjectionAnnotations.replaced] = .some(.null)
        let patch: JSONValue = [
            "metadata": [
                "uid": .string(pod.uid), "labels": labels,
                "annotations": [
                    InjectionAnnotations.replacedOf: .null, InjectionAnnotations.replacedLabels: .null,
                ],
            ]
        ]
        _ = try await api.patch(.pods, namespace: namespace, name: name, .merge(patch))
        held.withLock { $0.release(pod.uid) }
    }

    /// Whether the workload that a replaced pod belongs to is there.
    private func hasWorkload(_ pod: PodView, _ namespace: String) async throws(APIError) -> Bool {
        let parts = (pod.annotations[InjectionAnnotations.replacedOf] ?? "").split(separator: "/").map(String.init)
        guard parts.count == 2, let (resource, _) = Self.kinds.first(where: { $0.1.lowercased() == parts[0] }) else {
            return true
        }
        do throws(APIError) {
            _ = try await api.get(resource, namespace: namespace, name: parts[1])
            return true
        } catch {
            guard error.kind == .notFound else { throw error }
            return false
        }
    }

    /// The labels that were taken off a pod.
    private static func kept(_ pod: PodView) -> [String: String] {
        guard let text = pod.annotations[InjectionAnnotations.replacedLabels] else { return [:] }
        return (try? JSONValue.parse(text, limits: JSONLimits(size: 1 << 16)))?.stringMap ?? [:]
    }

    private func selecting(_ pod: PodView, _ namespace: String) async throws(APIError) -> [ServiceView] {
        try await api.list(.services, namespace: namespace).items.map { ServiceView($0) }
            .filter { $0.selects(pod.labels) }
    }

    private static func noSpareLabel(_ pod: String) -> APIError {
        APIError(
            kind: .invalid,
            reason: "NoSpareLabel",
            message: "pod \(pod) has no label that its controller counts by and no service chooses by"
        )
    }

    // MARK: the end of replaced pods

    package func letGo(of workload: WorkloadKey) async {
        held.withLock { $0.letGo(of: workload) }
    }

    /// Deletes a pod that no service knows any more, once its last requests have had time to end; goes on after the return.
    private func delete(retired pod: PodView, after rest: Duration) {
        guard held.withLock({ $0.beginLeaving(pod.uid) }) else { return }
        Task { await self.delete(retired: pod.name, uid: pod.uid, namespace: pod.namespace, after: rest) }
    }

    private func delete(retired pod: String, uid: String, namespace: String, after rest: Duration) async {
        try? await Task.sleep(for: rest)
        while !Task.isCancelled {
            do throws(APIError) {
                try await api.evict(pod: pod, namespace: namespace, uid: uid)
                break
            } catch {
                guard error.kind == .tooManyRequests || error.isTransient else { break }
                try? await Task.sleep(for: .seconds(max(1, error.retryAfterSeconds ?? 5)))
            }
        }
        held.withLock { $0.endLeaving(uid) }
    }

    /// Brings to an end what is left of replacements that are over, here or in a manager that is gone.
    ///
    /// Retired pods are deleted, released ones given back; those of replacements that run here are left alone. What
    /// fails is done the next time. To be called at the start and now and then. Deleting goes on after the return.
    package func tidyUp() async {
        for pod in await replacedPods() where !pod.isTerminating {
            if pod.labels[InjectionAnnotations.replaced] == "retired" {
                delete(retired: pod, after: lastRequests)
            } else if !held.withLock({ $0.isReplacing(pod) }) {
                try? await restore(pod.name, pod.namespace)
            }
        }
    }

    /// Pods that somebody has begun to replace, wherever the manager may see them.
    private func replacedPods() async -> [PodView] {
        let selection = APISelection(labels: InjectionAnnotations.replaced)
        let places: [String?]
        if let known = ownNamespaces.withLock({ $0 }) {
            places = known
        } else {
            places = [nil] + (await names(.namespaces)).map { $0 }
        }
        var pods: [PodView] = []
        var own: [String] = []
        for place in places {
            do throws(APIError) {
                pods += try await api.list(.pods, namespace: place, selection: selection).items.map { PodView($0) }
                guard let place else { return pods }
                own.append(place)
            } catch {
                // A manager for some namespaces only; which these are does not change while it runs.
                guard error.kind == .forbidden else { return pods }
            }
        }
        ownNamespaces.withLock { $0 = own }
        return pods
    }
}

/// The state of a workload's watches, which several tasks change.
private final class WatchedPods: Sendable {
    private let pods: Mutex<WorkloadPods>

    init(_ pods: WorkloadPods) { self.pods = Mutex(pods) }

    func with<Result: Sendable>(_ body: (inout WorkloadPods) -> Result) -> Result {
        pods.withLock { pods in body(&pods) }
    }
}
