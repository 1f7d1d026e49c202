package import Actor
import Cluster

extension KubernetesCluster {
    /// Between two tries to watch what may not be watched.
    private static let pause = Duration.seconds(30)

    package func pod(at place: SeenPod.Place) async throws(ManagerFailure) -> SeenPod? {
        do throws(APIError) {
            return SeenPod(PodView(try await api.get(.pods, namespace: place.namespace, name: place.name)))
        } catch {
            guard error.kind != .notFound else { return nil }
            throw ManagerFailure(error)
        }
    }

    /// Follows the pods that have an agent, wherever the manager may see pods; until the task is cancelled.
    ///
    /// There are as many watches as places that the manager is limited to, or one; pods without an agent cost nothing.
    ///
    /// - Parameter body: gets all news, those of one namespace one after the other.
    package func followAgentPods(_ body: @escaping @Sendable (PodNews) async -> Void) async {
        while !Task.isCancelled {
            do throws(APIError) {
                try await followAgentPods(in: nil, body)
            } catch {
                if error.kind == .forbidden { await followInEach(body) }
            }
            try? await Task.sleep(for: Self.pause)
        }
    }

    /// For a manager of some namespaces only: those where it may not watch are given up.
    private func followInEach(_ body: @escaping @Sendable (PodNews) async -> Void) async {
        await withTaskGroup(of: Void.self) { group in
            for namespace in await names(.namespaces) {
                group.addTask { try? await self.followAgentPods(in: namespace, body) }
            }
            await group.waitForAll()
        }
    }

    private func followAgentPods(
        in namespace: String?,
        _ body: @Sendable (PodNews) async -> Void
    ) async throws(APIError) {
        // Every pod with an agent has this label.
        let selection = APISelection(labels: InjectionAnnotations.workloadKind)
        let watch = ResourceWatch(api, .pods, namespace: namespace, selection: selection, digest: SeenPod.digest)
        try await watch.run { change in
            switch change {
            case .all(let pods): await body(.all(pods.map { SeenPod(PodView($0)) }, namespace: namespace))
            case .updated(let pod): await body(.seen(SeenPod(PodView(pod))))
            case .deleted(let pod): await body(.unseen(SeenPod(PodView(pod))))
            case .interrupted: break
            }
        }
    }
}

extension SeenPod {
    init(_ view: PodView) {
        self.init(
            place: Place(namespace: view.namespace, name: view.name),
            uid: view.uid,
            addresses: view.addresses,
            isLeaving: view.isTerminating,
            isOver: ["Succeeded", "Failed"].contains(view.phase)
        )
    }

    /// What counts of a pod: thousands of them are listed at once.
    @Sendable
    fileprivate static func digest(_ pod: JSONValue) -> JSONValue {
        func part(_ name: String, _ fields: [String]) -> JSONValue {
            var kept: JSONValue = [:]
            for field in fields { if let value = pod.at(name, field) { kept[field] = value } }
            return kept
        }
        return [
            "metadata": part("metadata", ["name", "namespace", "uid", "deletionTimestamp"]),
            "status": part("status", ["phase", "podIP", "podIPs"]),
        ]
    }
}
