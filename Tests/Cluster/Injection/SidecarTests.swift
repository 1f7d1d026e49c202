import Cluster
import Testing

/// Where the agent is put: beside the app, as a native sidecar, or into a running pod.
@Suite struct SidecarTests {
    private func request(
        _ services: [JSONValue],
        kind: String = "Deployment",
        _ labels: [String: String] = [:]
    )
        -> InjectionRequest
    {
        InjectionRequest(
            pod: InjectorTests.pod,
            namespace: "default",
            workload: InjectionRequest.Workload(kind: kind, name: "echo"),
            services: services,
            namespaceLabels: labels
        )
    }

    /// The same of a pod that the cluster has given a service account's token.
    private func running(_ services: [JSONValue], _ labels: [String: String] = [:]) -> InjectionRequest {
        var request = request(services, labels)
        let token: JSONValue = ["serviceAccountToken": ["expirationSeconds": 3607, "path": "token"]]
        let access: JSONValue = ["name": "kube-api-access-x", "projected": ["sources": [token]]]
        let volumes = request.pod.at("spec", "volumes")?.array ?? []
        request.pod["spec"]?["volumes"] = .array(volumes + [access])
        return request
    }

    private func place(
        _ sidecars: NativeSidecars,
        _ services: [JSONValue],
        kind: String = "Deployment"
    ) throws -> String {
        var settings = InjectorTests.settings
        settings.nativeSidecars = sidecars
        let outcome = Injector(settings: settings).inject(request(services, kind: kind))
        guard case .inject(let patch, _, _) = outcome else { return "none" }
        let pod = try patch.applied(to: InjectorTests.pod)
        let sidecar = pod.at("spec", "initContainers")?.array?.first { $0["name"] == "traffic-agent" }
        if let sidecar {
            #expect(sidecar["restartPolicy"] == "Always")
            #expect(PodView(pod).hasAgent)
            // Asked again, it changes nothing.
            let again = InjectionRequest(
                pod: pod,
                namespace: "default",
                workload: InjectionRequest.Workload(kind: kind, name: "echo"),
                services: services
            )
            #expect(Injector(settings: settings).inject(again) == .present)
            return "sidecar"
        }
        return pod.at("spec", "containers")?.array?.contains { $0["name"] == "traffic-agent" } == true
            ? "container" : "none"
    }

    @Test(
        "what a cluster has is known by its version",
        arguments: [
            ("v1.28.9", NativeSidecars.none), ("v1.29.0", .byNumber), ("v1.31.4-gke.1", .byNumber), ("v1.32.0", .full),
            ("v2.0.0", .full), ("unknown", .none), ("", .none),
        ]
    )
    func version(text: String, has: NativeSidecars) {
        #expect(NativeSidecars(serverVersion: text) == has)
    }

    @Test("a sidecar is used where the services find its ports")
    func native() throws {
        let named = [InjectorTests.service(targetPort: "http")]
        let numeric = [InjectorTests.service(targetPort: 8080)]
        #expect(try place(.none, named) == "container")
        #expect(try place(.byNumber, named) == "container")
        #expect(try place(.byNumber, numeric) == "sidecar")
        #expect(try place(.full, named) == "sidecar")
    }

    @Test("beside a Job's container there is a sidecar or no agent")
    func job() throws {
        let named = [InjectorTests.service(targetPort: "http")]
        #expect(try place(.full, named, kind: "Job") == "sidecar")
        #expect(try place(.byNumber, named, kind: "Job") == "none")
    }

    @Test("an agent for a running pod asks for nothing that ephemeral containers cannot have")
    func ephemeral() throws {
        let injector = Injector(settings: InjectorTests.settings)
        let outcome = injector.ephemeral(running([InjectorTests.service(targetPort: "http")]))
        guard case .container(let container, let config, let warnings) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        for field in ["ports", "readinessProbe", "livenessProbe", "lifecycle", "resources"] {
            #expect(container[field] == nil)
        }
        // Such a mount is its container's alone.
        #expect(warnings.count == 1 && warnings.first?.contains("/logs") == true)
        // Named or not: nothing of the pod can be renamed any more.
        #expect(config.ports.map(\.redirected) == [true])
        let variables = container["env"]?.array ?? []
        #expect(variables.contains { $0["name"] == "TELEPRESENCE_REDIRECTS" && $0["value"] == "8080:9901/tcp" })
        #expect(variables.contains { $0["name"] == "TELEPRESENCE_HOST_IP" })
        #expect(container.at("securityContext", "capabilities") == ["drop": ["ALL"], "add": ["NET_ADMIN"]])
        let mounts = container["volumeMounts"]?.array ?? []
        #expect(mounts.allSatisfy { $0["subPath"] == nil && $0["subPathExpr"] == nil && $0["name"] != "tel-agent-tmp" })
        let token = try #require(mounts.first { $0["name"] == "kube-api-access-x" })
        #expect(token["mountPath"] == "/var/run/secrets/telepresence" && token["readOnly"] == true)
    }

    @Test("where the app has a user of its own, the agent for a running pod may read the token's file all the same")
    func ephemeralUser() throws {
        var request = running([InjectorTests.service(targetPort: "http")])
        request.pod["spec"]?["securityContext"] = ["runAsUser": 1000]
        guard case .container(let container, _, _) = Injector(settings: InjectorTests.settings).ephemeral(request)
        else {
            Issue.record("not added")
            return
        }
        let added = container.at("securityContext", "capabilities", "add")
        #expect(added == ["DAC_OVERRIDE", "NET_ADMIN"])
    }

    @Test("an agent for a running pod is refused where Pod Security forbids it, and not added twice")
    func ephemeralLimits() throws {
        let injector = Injector(settings: InjectorTests.settings)
        let services = [InjectorTests.service(targetPort: "http")]
        let outcome = injector.ephemeral(running(services, ["pod-security.kubernetes.io/enforce": "baseline"]))
        guard case .refused(let reason) = outcome else {
            Issue.record("\(outcome)")
            return
        }
        #expect(reason.contains("'baseline'") && reason.contains("NET_ADMIN"))
        let unproven = injector.ephemeral(request(services))
        guard case .refused(let missing) = unproven else {
            Issue.record("\(unproven)")
            return
        }
        #expect(missing.contains("automountServiceAccountToken"))
        var running = running(services)
        running.pod["spec"]?["ephemeralContainers"] = [["name": "traffic-agent"]]
        running.pod["status"] = [
            "ephemeralContainerStatuses": [["name": "traffic-agent", "state": ["running": .emptyObject]]]
        ]
        #expect(injector.ephemeral(running) == .present)
        // One that has ended is followed by one of another name.
        running.pod["status"] = [
            "ephemeralContainerStatuses": [["name": "traffic-agent", "state": ["terminated": .emptyObject]]]
        ]
        guard case .container(let container, _, _) = injector.ephemeral(running) else {
            Issue.record("not added")
            return
        }
        #expect(container["name"] == "traffic-agent-2")
    }
}
