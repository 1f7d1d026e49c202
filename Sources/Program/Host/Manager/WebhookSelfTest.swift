import Cluster
import Synchronization

/// Asks the API server to make a pod that must come back with an agent, without making it.
///
/// The pod is in the manager's own namespace and carries ``InjectionAnnotations/selfTest``, for which the configuration has a
/// webhook of its own that may not fail: so the API server says itself what keeps it from reaching the manager.
enum WebhookSelfTest {
    /// The pod: as `restricted` as Pod Security wants it.
    static func pod(namespace: String) -> JSONValue {
        [
            "apiVersion": "v1", "kind": "Pod",
            "metadata": [
                "name": "telepresence-self-test", "namespace": .string(namespace),
                "labels": [InjectionAnnotations.selfTest: "true"],
                "annotations": [InjectionAnnotations.inject: "enabled"],
            ],
            "spec": [
                "automountServiceAccountToken": false,
                "securityContext": [
                    "runAsNonRoot": true, "runAsUser": 7439, "seccompProfile": ["type": "RuntimeDefault"],
                ],
                "containers": [
                    [
                        "name": "app", "image": "telepresence/self-test",
                        "securityContext": [
                            "allowPrivilegeEscalation": false, "capabilities": ["drop": ["ALL"]],
                        ],
                        "resources": [
                            "requests": ["cpu": "1m", "memory": "1Mi"], "limits": ["cpu": "1m", "memory": "1Mi"],
                        ],
                    ]
                ],
            ],
        ]
    }

    /// Between a failure and the test that confirms it: a webhook that was just put up is not known everywhere at once.
    static let pause = Duration.seconds(2)

    /// Tests, and where that fails once more after a pause: what a second test does not find was none.
    static func confirmed(after pause: Duration, _ test: () async -> String?) async -> String? {
        let first = await test()
        guard let first, !first.isEmpty else { return first }
        try? await Task.sleep(for: pause)
        return await test()
    }

    /// Tests it.
    ///
    /// - Parameters:
    ///   - api: the API server.
    ///   - namespace: the manager's.
    ///   - configuration: the name of the MutatingWebhookConfiguration, for what is told.
    /// - Returns: What is wrong; empty when nothing is; nil when the manager may not find out.
    static func run(_ api: APIConnection, namespace: String, configuration: String) async -> String? {
        let request = APIRequest(
            .create,
            .pods,
            namespace: namespace,
            query: [(name: "dryRun", value: "All")],
            body: pod(namespace: namespace)
        )
        do throws(APIError) {
            let made = try await api.send(request)
            if PodView(made).hasAgent { return "" }
            return "the API server did not ask the admission webhook of the traffic manager; "
                + "is the MutatingWebhookConfiguration \(configuration) there, and up to date?"
        } catch {
            if error.message.contains("webhook") {
                return "the API server cannot reach the admission webhook of the traffic manager "
                    + "(TCP port 8443 of its pod): \(error.message)"
            }
            return nil
        }
    }
}

extension KubernetesCluster {
    package var noInjector: String? {
        guard webhook == nil else { return nil }
        return "this installation has no injector (agentInjector.enabled is false); --attach ephemeral needs none"
    }

    package func testWebhook() async -> String {
        guard let webhook else { return "" }
        // What has been told already needs no confirmation.
        let isKnown = webhookProblem.withLock { $0 ?? "" } != ""
        let problem = await WebhookSelfTest.confirmed(after: isKnown ? .zero : WebhookSelfTest.pause) {
            await WebhookSelfTest.run(api, namespace: namespace, configuration: webhook)
        }
        webhookProblem.withLock { $0 = problem ?? "" }
        return problem ?? ""
    }
}
