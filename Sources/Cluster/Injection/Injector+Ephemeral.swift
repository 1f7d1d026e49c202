extension Injector {
    /// How a running pod gets an agent.
    package enum EphemeralOutcome: Sendable, Hashable {
        /// This container is to be added to `spec.ephemeralContainers`; the warnings say what the agent will not do.
        case container(JSONValue, config: AgentConfig, warnings: [String])
        /// The pod has an agent that runs.
        case present
        /// The pod cannot get one.
        case refused(reason: String)
    }

    /// Works out the agent for a pod that must not be restarted.
    ///
    /// Nothing of the pod itself can be changed any more, so that all ports are taken over by redirecting packets, by the agent
    /// itself, which needs `NET_ADMIN` for that: the Pod Security standards `baseline` and `restricted` forbid it. The redirects
    /// belong to the agent's process: when it ends, however it does, the app is reached as before. Probes that come from the
    /// node are passed to the app. Ephemeral containers cannot have files of their own, mounts with `subPath`, ports or probes.
    /// The agent proves whose it is by the token that the pod has for the API server.
    package func ephemeral(_ request: InjectionRequest) -> EphemeralOutcome {
        let pod = request.pod
        guard let containers = AppContainer.all(in: pod) else { return .refused(reason: "it has no containers") }
        if PodView(pod).hasAgent { return .present }
        if case .disabled = InjectionAnnotations.wish(of: pod) {
            return .refused(reason: "the annotation \(InjectionAnnotations.inject) forbids an agent")
        }
        if let reason = obstacle(in: pod) { return .refused(reason: reason) }
        if let level = request.namespaceLabels["pod-security.kubernetes.io/enforce"],
            level == "baseline" || level == "restricted"
        {
            return .refused(
                reason:
                    "the namespace enforces pod security '\(level)', which forbids the capability NET_ADMIN that an "
                    + "agent in an ephemeral container needs"
            )
        }
        let builder = AgentContainerBuilder(settings: settings, pod: pod)
        guard builder.apiTokenVolume != nil else {
            return .refused(
                reason:
                    "it has no service account token (automountServiceAccountToken is false), by which an agent in an "
                    + "ephemeral container proves whose it is"
            )
        }
        let finder = TargetPortFinder(pod: pod, containers: containers, services: request.services)
        var ports = PortAllocator(containers: containers, targets: finder.targets)
        var agentPorts: [AgentConfig.Port] = []
        var redirects: [PortRedirect] = []
        let tls = TLSAnnotations(pod: pod, containers: containers, targets: finder.targets, ownVolumes: false)
        for (place, target) in finder.targets.enumerated() {
            guard let agentPort = ports.next(from: settings.firstAgentPort) else {
                return .refused(reason: "no port is left for the agent")
            }
            redirects.append(PortRedirect(transport: target.transport, from: target.number, to: agentPort))
            let name = containers[target.container].name
            agentPorts.append(
                AgentConfig.Port(
                    target,
                    of: name,
                    agentPort: agentPort,
                    redirected: true,
                    tls: tls.settings[place],
                    tlsProblem: tls.problems[place]
                )
            )
        }
        let mirror = AppMirror(containers: containers, pod: pod, settings: settings, withParts: false)
        let config = self.config(request, mirror, agentPorts)
        let container = builder.ephemeral(
            config: config,
            redirects: redirects,
            mirror: mirror,
            certificates: tls.mounts
        )
        return .container(container, config: config, warnings: finder.warnings + tls.warnings + mirror.warnings)
    }
}
