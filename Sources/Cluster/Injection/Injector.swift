/// Works out how a pod gets a traffic agent: pure, from the manifest to a JSON patch.
///
/// The agent stands in front of the ports that services lead to. Where they are reached by name alone, the agent takes the
/// name over: the app's port gets another one, and the probes follow it. Where they are reached by number (numeric target
/// ports, headless services), an init container redirects what comes from outside the pod to the agent's port; the probes
/// get a port of their own that leads past the agent. Either way the app keeps listening where it did, and what is sent
/// inside the pod reaches it.
///
/// A pod that has an agent already is left as it is, so that repeated calls do no harm. Nothing in a manifest, however wrong,
/// makes this trap; shapes that Kubernetes would refuse are refused.
package struct Injector: Sendable {
    /// Where the app's mounts are found in the agent, by container.
    package static let mountRoot = "/tel_app_mounts"

    let settings: InjectorSettings

    package init(settings: InjectorSettings) {
        self.settings = settings
    }

    /// Works out the patch for one pod.
    package func inject(_ request: InjectionRequest) -> InjectionOutcome {
        let pod = request.pod
        guard let containers = AppContainer.all(in: pod) else { return .refused(reason: "it has no containers") }
        let sidecars = (pod.at("spec", "initContainers")?.array ?? []).filter { $0["restartPolicy"] == "Always" }
        if (containers.map(\.name) + sidecars.compactMap { $0["name"]?.string }).contains(
            AgentEnvironment.containerName
        ) {
            return .present
        }
        if case .disabled = InjectionAnnotations.wish(of: pod) {
            return .refused(reason: "the annotation \(InjectionAnnotations.inject) forbids an agent")
        }
        if let reason = obstacle(in: pod) { return .refused(reason: reason) }

        let replaced = containers.map(\.name).filter(request.replaced.contains)
        let finder = TargetPortFinder(
            pod: pod,
            containers: containers,
            services: request.services,
            replaced: Set(replaced)
        )
        var warnings = finder.warnings
        var targets = finder.targets
        if let level = request.namespaceLabels["pod-security.kubernetes.io/enforce"],
            level == "baseline" || level == "restricted", targets.contains(where: \.needsRedirect)
        {
            let lost = targets.filter(\.needsRedirect).map { "\($0.number)/\($0.transport)" }.joined(separator: ", ")
            let problem =
                "the namespace enforces pod security '\(level)', which forbids the init container that "
                + "the ports \(lost) need; give them names, and let the services lead to the names"
            targets.removeAll(where: \.needsRedirect)
            guard !targets.isEmpty || !replaced.isEmpty else { return .refused(reason: problem) }
            warnings.append(problem)
        }
        if targets.isEmpty {
            warnings.append("no service leads to this pod: only its environment and volumes are served")
        }

        let native =
            settings.nativeSidecars == .full
            || settings.nativeSidecars == .byNumber && targets.allSatisfy(\.byNumber)
        if request.workload.kind == "Job", !native {
            return .refused(
                reason: "an agent beside a Job's containers would keep the Job from ending; native sidecars "
                    + "(Kubernetes 1.29 and later, for ports by name 1.32) would not"
            )
        }

        var ports = PortAllocator(containers: containers, targets: targets)
        var patch = PodPatch(pod: pod)
        var agentPorts: [AgentConfig.Port] = []
        var declared: [JSONValue] = []
        var redirects: [PortRedirect] = []
        var agentNames: Set<String> = []
        var appNames = containers.map { ($0.json["ports"]?.array ?? []).compactMap { $0["name"]?.string } }
        let tls = TLSAnnotations(pod: pod, containers: containers, targets: targets)
        warnings += tls.warnings
        for target in targets where target.takesName {
            // Names are looked up in the order of the containers, of which the agent's is the last.
            for container in containers where !replaced.contains(container.name) {
                for port in container.ports where port.name == target.declared?.name {
                    guard port.transport == target.transport else { continue }
                    appNames[container.index].append(
                        patch.renamePort(port, of: container, taken: appNames[container.index])
                    )
                }
            }
        }
        for (place, target) in targets.enumerated() {
            // In a replaced container's place callers from inside the pod find the agent, too.
            let next = target.isDirect ? target.number : ports.next(from: settings.firstAgentPort)
            guard let agentPort = next else {
                return .refused(reason: "no port is left for the agent")
            }
            let container = containers[target.container]
            var port: JSONValue = [
                "containerPort": .integer(Int64(agentPort)), "protocol": .string(target.transport.uppercased()),
            ]
            if target.needsRedirect {
                redirects.append(PortRedirect(transport: target.transport, from: target.number, to: agentPort))
                if !target.isReplaced, target.transport == "tcp", patch.probes(reach: target, in: containers) {
                    guard let probePort = ports.next(from: settings.firstProbePort) else {
                        return .refused(reason: "no port is left for the probes")
                    }
                    redirects.append(PortRedirect(transport: "tcp", from: probePort, to: target.number))
                    patch.redirectProbes(of: target, in: containers, to: probePort)
                }
            } else if let name = target.declared?.name, agentNames.insert(name).inserted {
                port["name"] = .string(name)
            }
            declared.append(port)
            agentPorts.append(
                AgentConfig.Port(
                    target,
                    of: container.name,
                    agentPort: agentPort,
                    redirected: target.needsRedirect,
                    tls: tls.settings[place],
                    tlsProblem: tls.problems[place]
                )
            )
        }

        let mirror = AppMirror(containers: containers, pod: pod, settings: settings)
        warnings += mirror.warnings
        var config = self.config(request, mirror, agentPorts)
        config.replacedContainers = replaced
        let builder = AgentContainerBuilder(settings: settings, pod: pod)
        for container in containers where replaced.contains(container.name) {
            patch.replace(container, by: builder.standIn(for: container))
        }
        patch.addVolume([
            "name": .string(AgentEnvironment.volumeName), "emptyDir": ["medium": "Memory", "sizeLimit": "16Mi"],
        ])
        patch.addVolume(builder.tokenVolume)
        for volume in tls.volumes { patch.addVolume(volume) }
        if !redirects.isEmpty { patch.addInitContainer(builder.redirecting(redirects)) }
        var agent = builder.agent(config: config, ports: declared, mirror: mirror, certificates: tls.mounts)
        if native {
            // Starts before the app and ends after it, and does not keep a Job from ending.
            agent["restartPolicy"] = "Always"
            patch.addInitContainer(agent)
        } else {
            patch.addContainer(agent)
        }
        patch.mark(workload: request.workload, image: settings.agentImage, replaced: replaced)
        return .inject(patch: patch.patch, config: config, warnings: warnings)
    }

    /// What in a pod's manifest rules an agent out.
    func obstacle(in pod: JSONValue) -> String? {
        guard let spec = pod["spec"]?.object else { return "it has no spec" }
        if spec["hostNetwork"]?.bool == true {
            return "it uses the node's network (hostNetwork), where an agent would catch traffic of others"
        }
        if spec["os"]?["name"]?.string == "windows" { return "it runs on Windows" }
        for list in ["containers", "initContainers", "volumes"] {
            if let value = spec[list], value.array == nil, !value.isNull { return "its \(list) are not a list" }
        }
        for map in ["labels", "annotations"] {
            if let value = pod.at("metadata", map), value.object == nil, !value.isNull {
                return "its \(map) are not a map"
            }
        }
        if let metadata = pod["metadata"], metadata.object == nil, !metadata.isNull { return "its metadata is wrong" }
        let names = (spec["initContainers"]?.array ?? []).compactMap { $0["name"]?.string }
        if names.contains(AgentEnvironment.initContainerName) || names.contains(AgentEnvironment.containerName) {
            return "it has an init container of the agent's, but no agent"
        }
        let volumes = (spec["volumes"]?.array ?? []).compactMap { $0["name"]?.string }
        if volumes.contains(where: [AgentEnvironment.volumeName, AgentEnvironment.tokenVolumeName].contains) {
            return "it has a volume of the agent's, but no agent"
        }
        return nil
    }

    /// What the agent has to know.
    func config(_ request: InjectionRequest, _ mirror: AppMirror, _ ports: [AgentConfig.Port]) -> AgentConfig {
        AgentConfig(
            workloadKind: request.workload.kind,
            workloadName: request.workload.name,
            namespace: request.namespace,
            managerHost: settings.managerHost,
            managerPort: settings.managerPort,
            readyFile: AgentEnvironment.readyFile,
            containers: mirror.containers,
            ports: ports
        )
    }
}

extension AgentConfig.Port {
    /// A port of the app that was found, with the agent's before it.
    init(
        _ target: TargetPort,
        of container: String,
        agentPort: Int,
        redirected: Bool,
        tls: AgentConfig.TLS?,
        tlsProblem: String?
    ) {
        self.init(
            container: container,
            name: target.declared?.name,
            transport: target.transport,
            containerPort: target.number,
            agentPort: agentPort,
            redirected: redirected,
            services: target.services,
            isReplaced: target.isReplaced,
            tls: tls,
            tlsProblem: tlsProblem
        )
    }
}
