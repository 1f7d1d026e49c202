import Cluster
import Foundation
import Sandbox
import TestSupport
import Testing

/// What kubectl 1.32, unmodified, can do with the server.
@Suite(.ownThreads, .enabled(if: Kubectl.path != nil, "kubectl is not installed"), .serialized)
struct KubectlTests {
    static let manifest = """
        apiVersion: apps/v1
        kind: Deployment
        metadata: {name: echo, labels: {app: echo}}
        spec:
          replicas: 1
          selector: {matchLabels: {app: echo}}
          template:
            metadata: {labels: {app: echo}}
            spec:
              containers:
              - name: echo
                image: echo:1
                ports: [{name: http, containerPort: 8080}]
                env: [{name: A, value: "1"}]
        ---
        apiVersion: v1
        kind: Service
        metadata: {name: echo}
        spec:
          selector: {app: echo}
          ports: [{name: http, port: 80, targetPort: http}]

        """

    @Test("apply creates, leaves alone, changes and takes away") func apply() async throws {
        try await APIFixture.with { fixture in
            let kubectl = Kubectl(kubeconfig: fixture.kubeconfig)
            let created = try await kubectl("apply", "-f", "-", input: Self.manifest)
            #expect(created.output == "deployment.apps/echo created\nservice/echo created\n", "\(created.errors)")
            let again = try await kubectl("apply", "-f", "-", input: Self.manifest)
            #expect(again.output == "deployment.apps/echo unchanged\nservice/echo unchanged\n", "\(again.errors)")
            let more = Self.manifest.replacingOccurrences(
                of: "[{name: A, value: \"1\"}]",
                with: "[{name: A, value: \"2\"}, {name: B, value: b}]"
            )
            let changed = try await kubectl("apply", "-f", "-", input: more)
            #expect(changed.output == "deployment.apps/echo configured\nservice/echo unchanged\n", "\(changed.errors)")
            let path = "jsonpath={.spec.template.spec.containers[0].env[*].value}"
            #expect(try await kubectl("get", "deploy", "echo", "-o", path).output == "2 b")
            _ = try await kubectl("apply", "-f", "-", input: Self.manifest)
            #expect(try await kubectl("get", "deploy", "echo", "-o", path).output == "1")
            let deleted = try await kubectl("delete", "-f", "-", input: Self.manifest)
            #expect(deleted.status == 0 && deleted.output.contains("service \"echo\" deleted"), "\(deleted.errors)")
        }
    }

    @Test("server-side apply owns fields, tells conflicts and forces") func serverSideApply() async throws {
        try await APIFixture.with { fixture in
            let kubectl = Kubectl(kubeconfig: fixture.kubeconfig)
            let first = try await kubectl("apply", "--server-side", "-f", "-", input: Self.manifest)
            #expect(first.status == 0, "\(first.errors)")
            let other = Self.manifest.replacingOccurrences(of: "echo:1", with: "echo:2")
            let refused = try await kubectl(
                "apply",
                "--server-side",
                "--field-manager",
                "other",
                "-f",
                "-",
                input: other
            )
            #expect(refused.status != 0)
            #expect(
                refused.errors.contains(
                    "conflict with \"kubectl\": .spec.template.spec.containers[name=\"echo\"].image"
                )
            )
            let forced = try await kubectl(
                "apply",
                "--server-side",
                "--force-conflicts",
                "--field-manager",
                "other",
                "-f",
                "-",
                input: other
            )
            #expect(forced.status == 0, "\(forced.errors)")
            let image = "jsonpath={.spec.template.spec.containers[0].image}"
            #expect(try await kubectl("get", "deploy", "echo", "-o", image).output == "echo:2")
        }
    }

    @Test("get shows tables, wide ones, YAML and JSON") func get() async throws {
        try await APIFixture.with { fixture in
            let kubectl = Kubectl(kubeconfig: fixture.kubeconfig)
            try await fixture.runPod("one", labels: ["app": "x"])
            let table = try await kubectl("get", "pods")
            #expect(
                table.output.hasPrefix("NAME   READY   STATUS    RESTARTS   AGE\none    0/1     Running   0"),
                "\(table.errors)"
            )
            let wide = try await kubectl("get", "pods", "-o", "wide", "-A")
            #expect(wide.output.contains("NOMINATED NODE") && wide.output.contains("NAMESPACE"))
            #expect(try await kubectl("get", "pods", "-l", "app in (x)", "-o", "name").output == "pod/one\n")
            #expect(try await kubectl("get", "pods", "-l", "app!=x", "-o", "name").output == "")
            #expect(try await kubectl("get", "pod", "one", "-o", "yaml").output.contains("kube-api-access-"))
            #expect(try await kubectl("get", "all", "-A").output.contains("service/kubernetes"))
            let described = try await kubectl("describe", "pod", "one")
            #expect(described.output.contains("Service Account:  default"), "\(described.errors)")
            let missing = try await kubectl("get", "pod", "two")
            #expect(missing.errors == "Error from server (NotFound): pods \"two\" not found\n")
            #expect(try await kubectl("get", "widgets").errors.contains("doesn't have a resource type \"widgets\""))
        }
    }

    @Test("create, patch, label, annotate, scale and delete do what they say") func change() async throws {
        try await APIFixture.with { fixture in
            let kubectl = Kubectl(kubeconfig: fixture.kubeconfig)
            for arguments in [
                ["create", "namespace", "demo"], ["create", "configmap", "c", "--from-literal=a=1"],
                ["create", "deployment", "web", "--image=web:1", "--replicas=2", "--port=80"],
                ["expose", "deployment", "web", "--port=80"], ["scale", "deployment", "web", "--replicas=3"],
                ["label", "deployment", "web", "x=y"], ["annotate", "deployment", "web", "a=b"],
                ["patch", "configmap", "c", "-p", "{\"data\":{\"b\":\"2\"}}"],
                ["patch", "configmap", "c", "--type=json", "-p", "[{\"op\":\"remove\",\"path\":\"/data/a\"}]"],
                ["set", "image", "deployment/web", "web=web:2"],
            ] {
                let result = try await kubectl.run(arguments, input: nil)
                #expect(result.status == 0, "\(arguments): \(result.errors)")
            }
            #expect(try await kubectl("get", "cm", "c", "-o", "jsonpath={.data}").output == "{\"b\":\"2\"}")
            let path = "jsonpath={.spec.replicas} {.metadata.labels.x} {.spec.template.spec.containers[0].image}"
            #expect(try await kubectl("get", "deploy", "web", "-o", path).output == "3 y web:2")
            #expect(try await kubectl("delete", "cm", "--all").status == 0)
            #expect(try await kubectl("get", "cm", "-o", "name").output == "configmap/kube-root-ca.crt\n")
        }
    }

    @Test("wrong objects are refused with the field's name") func refusals() async throws {
        try await APIFixture.with { fixture in
            let kubectl = Kubectl(kubeconfig: fixture.kubeconfig)
            let service = """
                {"apiVersion":"v1","kind":"Service","metadata":{"name":"x"},
                 "spec":{"clusterIP":"1.2.3.4","ports":[{"port":80}]}}
                """
            let range = try await kubectl("create", "-f", "-", input: service)
            #expect(range.errors.contains("The range of valid IPs is 10.96.0.0/16"))
            let pod =
                "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"p\"},\"spec\":{\"containers\":[{\"name\":\"a\"}]}}"
            #expect(
                try await kubectl("create", "-f", "-", input: pod).errors.contains(
                    "spec.containers[0].image: Required value"
                )
            )
            let twice = try await kubectl("create", "configmap", "kube-root-ca.crt")
            #expect(twice.errors.contains("configmaps \"kube-root-ca.crt\" already exists"))
        }
    }

    @Test("tokens, roles and can-i decide who may what") func rights() async throws {
        try await APIFixture.with { fixture in
            let kubectl = Kubectl(kubeconfig: fixture.kubeconfig)
            let denied = try await kubectl("--context", "jane", "get", "pods")
            #expect(
                denied.errors == "Error from server (Forbidden): pods is forbidden: User \"jane\" cannot list resource "
                    + "\"pods\" in API group \"\" in the namespace \"default\"\n"
            )
            #expect(
                try await kubectl("--context", "late", "get", "pods").errors.contains("the bearer token has expired")
            )
            #expect(try await kubectl("--context", "jane", "auth", "can-i", "list", "pods").output == "no\n")
            _ = try await kubectl("create", "role", "r", "--verb=list", "--resource=pods")
            _ = try await kubectl("create", "rolebinding", "r", "--role=r", "--group=dev")
            #expect(try await kubectl("--context", "jane", "auth", "can-i", "list", "pods").output == "yes\n")
            #expect(try await kubectl("--context", "jane", "get", "pods").status == 0)
            #expect(try await kubectl("auth", "can-i", "list", "pods", "--as", "nobody").output == "no\n")
            let token = try await kubectl("create", "token", "default").output
            let proof = try fixture.api.tokens.check(token)
            #expect(proof.user.name == "system:serviceaccount:default:default")
        }
    }

    @Test("logs come through, with their tail") func logs() async throws {
        try await APIFixture.with { fixture in
            let kubectl = Kubectl(kubeconfig: fixture.kubeconfig)
            try await fixture.runPod("one")
            #expect(try await kubectl("logs", "one", "--tail", "1").output == "one app line 3\n")
            #expect(try await kubectl("logs", "-f", "one", "-c", "app").output.hasPrefix("one app line 1\n"))
            #expect(
                try await kubectl("logs", "one", "-c", "no").errors.contains("container no is not valid for pod one")
            )
        }
    }

    @Test("watch tells what happens") func watch() async throws {
        try await APIFixture.with { fixture in
            let kubectl = Kubectl(kubeconfig: fixture.kubeconfig)
            let process = try kubectl.process(["get", "cm", "-w", "-o", "name"])
            let output = Pipe()
            process.standardOutput = output
            try process.run()
            let lines = Lines(output.fileHandleForReading)
            try await within { #expect(await lines.next() == "configmap/kube-root-ca.crt") }
            try await fixture.api.create(.configMaps, ["metadata": ["name": "new"]], namespace: "default")
            try await within { #expect(await lines.next() == "configmap/new") }
            Kubectl.end(process)
        }
    }

    @Test(
        "port-forward carries bytes both ways, also where a way is refused",
        arguments: [("true", []), ("false", []), ("true", ["SPDY/3.1+portforward.k8s.io", "v4.channel.k8s.io"])]
            as [(String, [String])]
    )
    func portForward(webSockets: String, refused: [String]) async throws {
        try await APIFixture.with { fixture in
            fixture.faults.plan.refusedWays = refused
            let echo = try await EchoServer.start()
            try await fixture.runPod("one")
            let process = try Kubectl(kubeconfig: fixture.kubeconfig).process([
                "port-forward", "pod/one", "0:\(echo.port)",
            ])
            process.environment?["KUBECTL_PORT_FORWARD_WEBSOCKETS"] = webSockets
            let output = Pipe()
            process.standardOutput = output
            try process.run()
            let lines = Lines(output.fileHandleForReading)
            let line = try await within { await lines.next() } ?? ""
            let port = line.split(separator: ":").last?.split(separator: " ").first.flatMap { Int($0) } ?? 0
            #expect(port > 0, "\(line)")
            try await within {
                try await withThrowingTaskGroup(of: Bool.self) { group in
                    for size in refused.isEmpty ? [1, 1000, 3_000_000, 70_000] : [1, 70_000] {
                        group.addTask { try await EchoServer.check(port: port, bytes: size) }
                    }
                    for try await intact in group { #expect(intact) }
                }
            }
            Kubectl.end(process)
            await echo.close()
        }
    }
}
