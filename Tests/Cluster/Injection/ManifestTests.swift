import Cluster
import Foundation
import Testing
import TestSupport

/// The manifests in k8s/, as kustomize reads them.
@Suite(.ownThreads) struct ManifestTests {
    private static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()

    private static let kubectl = ["/usr/local/bin/kubectl", "/usr/bin/kubectl"].first {
        FileManager.default.isExecutableFile(atPath: $0)
    }

    @Test("kubectl kustomize reads k8s/base, with the names that the code relies on", .enabled(if: kubectl != nil))
    func kustomize() throws {
        let kubectl = try #require(Self.kubectl)
        let folder = Self.root.appending(path: "k8s/base").path
        let (status, text) = try TestProgram.run([kubectl, "kustomize", folder])
        #expect(status == 0)
        let kinds = text.split(separator: "\n").filter { $0.hasPrefix("kind: ") }.map { $0.dropFirst(6) }
        #expect(
            Set(kinds) == [
                "Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding", "Service",
                "Deployment", "MutatingWebhookConfiguration",
            ]
        )
        #expect(text.contains("name: \(WebhookRegistration.name)\n"))
        for variable in [AgentEnvironment.podName, AgentEnvironment.podNamespace, AgentEnvironment.podAddress] {
            #expect(text.contains("- name: \(variable)\n"))
        }
        #expect(!text.contains("verbs:\n  - '*'"))
    }
}
