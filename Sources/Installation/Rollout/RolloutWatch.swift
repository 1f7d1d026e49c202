internal import Cluster

/// Waits for the traffic manager to be ready, and says what it waits for.
struct RolloutWatch {
    private static let pause = Duration.milliseconds(250)

    let cluster: InstallationCluster
    let namespace: String
    let progress: @Sendable (String) -> Void

    /// Waits until the Deployment is ready and the webhook, if there is one, has its certificate.
    ///
    /// - Parameters:
    ///   - limit: How long that may take.
    ///   - webhook: The name of the MutatingWebhookConfiguration.
    /// - Throws: ``InstallationError`` of kind `notReady`, as soon as it is clear that waiting does not help.
    func run(limit: Duration, webhook: String?) async throws(InstallationError) {
        let clock = ContinuousClock()
        let began = clock.now
        var last = ""
        var troubles = 0
        while true {
            let elapsed = clock.now - began
            var state: RolloutState
            do throws(InstallationError) {
                state = try await look(elapsed, isLast: elapsed >= limit)
                if state == .ready, let webhook, try await !isRegistered(webhook) {
                    state = .waiting("Waiting for the manager to register its webhook")
                }
                troubles = 0
            } catch {
                // The API server itself may be away for a moment.
                troubles += 1
                guard troubles <= 5, error.kind == .unreachable else { throw error }
                state = .waiting("\(error.message); asking again")
            }
            switch state {
            case .ready: return
            case .failed(let failure): throw await error(failure)
            case .waiting(let text):
                if text != last { progress(text) }
                last = text
            }
            guard elapsed < limit else {
                throw InstallationError(
                    .notReady,
                    "the traffic manager is not ready after \(limit.components.seconds) s: \(last)",
                    remedy: "kubectl -n \(namespace) describe deployment,pod -l app=\(Manifests.managerName)"
                )
            }
            do {
                try await Task.sleep(for: Self.pause)
            } catch {
                throw InstallationError(.notReady, "interrupted while waiting for the traffic manager")
            }
        }
    }

    /// The state now; events, of which there may be thousands, are asked for only where they explain why it fails or lasts.
    private func look(_ elapsed: Duration, isLast: Bool) async throws(InstallationError) -> RolloutState {
        var scene = try await scene()
        let state = RolloutJudge(scene: scene, elapsed: elapsed).state()
        switch state {
        case .ready: return state
        case .waiting: if !isLast { return state }
        case .failed: break
        }
        // Who may not see events still learns most from the pods.
        scene.events = (try? await cluster.list(.events, namespace: namespace)) ?? []
        return RolloutJudge(scene: scene, elapsed: elapsed).state()
    }

    private func scene() async throws(InstallationError) -> RolloutJudge.Scene {
        let deployment = try await cluster.find(.deployments, namespace: namespace, name: Manifests.managerName)
        guard let deployment else {
            throw InstallationError(.notReady, "somebody has deleted the Deployment \(Manifests.managerName)")
        }
        let labels = deployment.at("spec", "selector", "matchLabels")?.stringMap ?? [:]
        let sets = try await cluster.list(.replicaSets, namespace: namespace, labels: labels)
        let pods = try await cluster.list(.pods, namespace: namespace, labels: labels)
        return RolloutJudge.Scene(deployment: deployment, replicaSets: sets, pods: pods, events: [])
    }

    private func isRegistered(_ name: String) async throws(InstallationError) -> Bool {
        let configuration = try await cluster.find(.mutatingWebhookConfigurations, name: name)
        let bundles = (configuration?["webhooks"]?.array ?? []).map { $0.at("clientConfig", "caBundle")?.string ?? "" }
        return !bundles.isEmpty && bundles.allSatisfy { !$0.isEmpty }
    }

    private func error(_ failure: RolloutFailure) async -> InstallationError {
        var message = failure.reason
        if let container = failure.container {
            let words = await cluster.lastWords(
                pod: container.pod,
                container: container.name,
                namespace: namespace,
                previous: container.previous
            )
            let lines = words.split(separator: "\n").suffix(8)
            if !lines.isEmpty {
                message += "; its last words:\n" + lines.map { "    \($0.prefix(400))" }.joined(separator: "\n")
            }
        }
        return InstallationError(
            .notReady,
            "the traffic manager does not start: \(message)",
            remedy: failure.remedy
                ?? "kubectl -n \(namespace) logs deployment/\(Manifests.managerName); then telepresence upgrade"
        )
    }
}
