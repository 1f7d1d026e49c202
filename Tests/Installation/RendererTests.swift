import Cluster
import Foundation
@testable import Installation
import TestSupport
import Testing

/// The binary and kustomize make the same objects.
@Suite(.ownThreads) struct RendererTests {
    private static func values(_ text: String) throws -> InstallationValues {
        var values = InstallationValues()
        try values.merge(file: text, origin: "test")
        return values
    }

    private static func rendered(
        _ text: String = "",
        namespace: String = "ambassador"
    ) throws -> [ObjectReference: JSONValue] {
        let renderer = Renderer(values: try values(text).complete(), namespace: namespace)
        return Kustomize.table(try renderer.objects(withNamespace: true))
    }

    private static let developers = "clientRbac: {create: true, subjects: [{kind: Group, name: developers}]}\n"

    @Test(
        "an overlay is what the values say",
        .enabled(if: Kustomize.kubectl != nil),
        arguments: [
            ("base", ""), ("cluster-wide", developers), ("namespaced", developers + "namespaces: [default]\n"),
        ]
    )
    func overlay(folder: String, values: String) throws {
        let (own, kustomize) = (try Self.rendered(values), try Kustomize.objects(folder))
        #expect(Set(own.keys) == Set(kustomize.keys))
        for (reference, object) in own { #expect(object == kustomize[reference], "\(reference)") }
    }

    @Test("every file of k8s/base is in the binary")
    func everyFile() throws {
        let text = try String(
            contentsOf: Kustomize.root.appending(path: "k8s/base/kustomization.yaml"),
            encoding: .utf8
        )
        let listed = try #require(try YAMLReader.documents(text, origin: "base").first?["resources"]?.stringArray)
        let manifest = try String(contentsOf: Kustomize.root.appending(path: "Package.swift"), encoding: .utf8)
        for name in listed { #expect(manifest.contains("base/\(name)"), "\(name)") }
    }

    @Test(
        "each value changes the objects",
        arguments: [
            ("image: {registry: example.com}", "example.com/telepresence/traffic:dev"),
            ("image: {tag: 'sha256:\(String(repeating: "a", count: 64))'}", "telepresence/traffic@sha256:aaaa"),
            ("image: {name: other}", "\"image\":\"other:dev\""), ("image: {pullPolicy: Always}", "\"Always\""),
            ("image: {pullSecrets: [login]}", "\"imagePullSecrets\":[{\"name\":\"login\"}]"),
            ("logLevel: debug", "\"debug\""), ("prometheus: {port: 9090}", "\"9090\""),
            ("namespaces: [shop]", "\"namespace\":\"shop\""),
            ("resources: {requests: {cpu: 1}}", "\"cpu\":1"), ("resources: {limits: {memory: 1Gi}}", "\"1Gi\""),
            ("nodeSelector: {disk: ssd}", "\"disk\":\"ssd\""), ("tolerations: [{key: a}]", "\"tolerations\""),
            ("affinity: {nodeAffinity: {}}", "\"affinity\""), ("priorityClassName: high", "\"high\""),
            ("podAnnotations: {a: b}", "\"a\":\"b\""), ("podLabels: {a: b}", "\"a\":\"b\""),
            ("env: {A: B}", "{\"name\":\"A\",\"value\":\"B\"}"), ("service: {type: NodePort}", "\"NodePort\""),
            ("service: {type: LoadBalancer, nodePort: 30081}", "30081"),
            ("service: {annotations: {a: b}}", "\"annotations\":{\"a\":\"b\"}"),
            ("directAddresses: ['tp.example.com:443']", "tp.example.com:443"),
            ("agent: {image: {registry: example.com}}", "\"example.com/telepresence/traffic:dev\""),
            ("agent: {image: {name: other}}", "\"other:dev\""), ("agent: {image: {tag: new}}", "traffic:new\""),
            ("agent: {image: {pullPolicy: Never}}", "AGENT_IMAGE_PULL_POLICY"),
            ("agent: {logLevel: trace}", "\"trace\""), ("agent: {maxIdleTime: 24h}", "\"24h\""),
            (
                "agent: {mountPolicies: {/data: Ignore, logs: Local}}",
                #""TELEPRESENCE_AGENT_MOUNT_POLICIES","value":"{\"/data\":\"Ignore\",\"logs\":\"Local\"}""#
            ),
            ("intercept: {environment: {excluded: [DB_PASSWORD, TOKEN]}}", "\"DB_PASSWORD,TOKEN\""),
            (
                "intercept: {allowGlobalIntercepts: false}",
                "{\"name\":\"TELEPRESENCE_ALLOW_GLOBAL_INTERCEPTS\",\"value\":\"false\"}"
            ),
            ("podCIDRs: [10.9.0.0/16]", "10.9.0.0/16"), ("podCIDRStrategy: coverPodIPs", "coverPodIPs"),
            ("agentInjector: {enabled: false}", "\"value\":\"disabled\""),
            ("agentInjector: {webhook: {failurePolicy: Fail}}", "\"Fail\",\"name\":\"agent-injector."),
            ("agentInjector: {webhook: {timeoutSeconds: 7}}", "\"timeoutSeconds\":7"),
            ("agentInjector: {webhook: {reinvocationPolicy: Never}}", "\"Never\""),
            ("security: {authentication: {mode: permissive}}", "permissive"),
            ("clientRbac: {create: true}", "telepresence-client"),
            ("clientRbac: {create: true, subjects: [{kind: User, name: ann}], namespaces: [shop]}", "\"shop\""),
        ]
    )
    func value(values: String, expected: String) throws {
        let before = try Self.rendered().values.map(\.text).joined()
        let after = try Self.rendered(values).values.map(\.text).joined()
        #expect(!before.contains(expected))
        #expect(after.contains(expected))
    }

    @Test("without a webhook, rights or anything but rights, the rest is left out")
    func parts() throws {
        func kinds(_ values: String) throws -> Set<String> { Set(try Self.rendered(values).keys.map(\.kind)) }
        #expect(!(try kinds("agentInjector: {enabled: false}")).contains("MutatingWebhookConfiguration"))
        #expect(
            try kinds("managerRbac: {create: false}") == [
                "Namespace", "Service", "Deployment", "MutatingWebhookConfiguration",
            ]
        )
        #expect(
            try kinds("rbac: {only: true}") == [
                "Namespace", "ServiceAccount", "ClusterRole", "ClusterRoleBinding", "Role", "RoleBinding",
            ]
        )
    }

    @Test("in another namespace nothing names the usual one, and nothing outside of it has a usual name")
    func elsewhere() throws {
        let usual = Set(try Self.rendered(Self.developers).keys.filter { $0.namespace.isEmpty })
        let objects = try Self.rendered(Self.developers, namespace: "tools")
        for (reference, object) in objects {
            #expect(!object.text.contains("\"ambassador\""), "\(reference)")
            if reference.kind != "Namespace" { #expect(!usual.contains(reference)) }
        }
        let names = Set(objects.keys.map { "\($0.kind)/\($0.name)" })
        for (reference, object) in objects {
            guard let role = object["roleRef"], let kind = role["kind"]?.string, let name = role["name"]?.string else {
                continue
            }
            // This one is Kubernetes' own.
            guard name != "extension-apiserver-authentication-reader" else { continue }
            #expect(names.contains("\(kind)/\(name)"), "\(reference) names a role that is not there")
        }
        let webhook = try #require(objects.first { $0.key.kind == "MutatingWebhookConfiguration" })
        let deployment = try #require(objects.first { $0.key.kind == "Deployment" })
        #expect(
            deployment.value.text.contains("{\"name\":\"TELEPRESENCE_WEBHOOK_NAME\",\"value\":\"\(webhook.key.name)\"}")
        )
        #expect(objects.values.contains { $0.text.contains("\"resourceNames\":[\"\(webhook.key.name)\"]") })
    }

    @Test("limited to namespaces, the manager has rights in these alone")
    func limited() throws {
        let objects = try Self.rendered("namespaces: [a, b]", namespace: "tools")
        let wide = objects.filter { $0.key.kind == "ClusterRoleBinding" }
        #expect(wide.map { $0.value.at("roleRef", "name") } == ["traffic-manager-cluster-tools"])
        let bound = objects.filter { $0.value.at("roleRef", "name") == "traffic-manager-tools" }
        #expect(Set(bound.keys.map(\.namespace)) == ["a", "b"])
        #expect(bound.values.allSatisfy { $0["subjects"]?[0]?["namespace"] == "tools" })
    }

    @Test("what is printed as YAML reads as the same objects")
    func yaml() throws {
        let text = try Installer.manifests(
            try Self.values("podAnnotations: {a: 'yes', b: '1', c: \"x: y\\n#\", d: ''}"),
            namespace: "tools",
            withNamespace: true
        )
        let read = try YAMLReader.documents(text, origin: "printed")
        let renderer = Renderer(
            values: try Self.values("podAnnotations: {a: 'yes', b: '1', c: \"x: y\\n#\", d: ''}").complete(),
            namespace: "tools"
        )
        #expect(read == (try renderer.objects(withNamespace: true)).map(\.json))
    }
}
