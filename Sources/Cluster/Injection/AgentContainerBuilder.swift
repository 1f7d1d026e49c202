/// Writes the containers that the injector adds to a pod.
struct AgentContainerBuilder {
    let settings: InjectorSettings
    let pod: JSONValue

    /// The agent: no privilege at all.
    func agent(
        config: AgentConfig,
        ports: [JSONValue],
        mirror: AppMirror,
        certificates: [JSONValue] = []
    ) -> JSONValue {
        var environment: [JSONValue] = [
            ["name": .string(AgentConfig.environmentName), "value": literal(config.json.text)],
            ["name": .string(AgentEnvironment.managerHost), "value": literal(settings.managerHost)],
            ["name": .string(AgentEnvironment.managerPort), "value": .string(String(settings.managerPort))],
            ["name": .string(AgentEnvironment.managerCA), "value": literal(settings.managerCA)],
            ["name": .string(AgentEnvironment.logLevel), "value": literal(settings.logLevel)],
            field(AgentEnvironment.podName, "metadata.name"),
            field(AgentEnvironment.podNamespace, "metadata.namespace"),
            field(AgentEnvironment.podAddress, "status.podIP"),
            field(AgentEnvironment.nodeName, "spec.nodeName"),
        ]
        environment += mirror.environment
        let files: JSONValue = ["name": .string(AgentEnvironment.volumeName), "mountPath": "/tmp"]
        let token: JSONValue = [
            "name": .string(AgentEnvironment.tokenVolumeName),
            "mountPath": .string(AgentEnvironment.tokenDirectory), "readOnly": true,
        ]
        var container: JSONValue = [
            "name": .string(AgentEnvironment.containerName),
            "image": .string(settings.agentImage),
            "command": ["traffic", "agent"],
            "env": .array(environment),
            "volumeMounts": .array([files, token] + mirror.mounts + certificates),
            "resources": ["requests": ["cpu": "10m", "memory": "32Mi"], "limits": ["memory": "256Mi"]],
            "securityContext": restricted,
            // The file is there while the agent serves.
            "readinessProbe": [
                "exec": ["command": ["traffic", "ready", .string(AgentEnvironment.readyFile)]],
                "periodSeconds": 2, "timeoutSeconds": 2, "failureThreshold": 3,
            ],
        ]
        if !ports.isEmpty { container["ports"] = .array(ports) }
        if !mirror.environmentSources.isEmpty { container["envFrom"] = .array(mirror.environmentSources) }
        container["imagePullPolicy"] = settings.imagePullPolicy.map { .string($0) }
        return container
    }

    /// The token that proves whose agent it is: bound to the pod, good for the traffic manager alone, renewed by the kubelet.
    var tokenVolume: JSONValue {
        let token: JSONValue = [
            "audience": .string(AgentEnvironment.tokenAudience), "expirationSeconds": 3600, "path": "token",
        ]
        return [
            "name": .string(AgentEnvironment.tokenVolumeName),
            "projected": ["sources": [["serviceAccountToken": token]]],
        ]
    }

    /// The volume with the token that the pod has for the API server; nil where its service account gives it none.
    var apiTokenVolume: String? {
        (pod.at("spec", "volumes")?.array ?? []).first { volume in
            (volume.at("projected", "sources")?.array ?? []).contains { source in
                guard let token = source["serviceAccountToken"] else { return false }
                return (token["audience"]?.string ?? "").isEmpty && token["path"] == "token"
            }
        }?["name"]?.string
    }

    /// Whether the kubelet may have given the token's file to the user of the app alone, as it does where all have one.
    private var hasOwnUser: Bool {
        let contexts =
            [pod.at("spec", "securityContext")]
            + (pod.at("spec", "containers")?.array ?? []).map { $0["securityContext"] }
        return contexts.contains { ($0?["runAsUser"]?.integer ?? 0) > 0 }
    }

    /// The agent for a running pod: it redirects its ports itself.
    func ephemeral(
        config: AgentConfig,
        redirects: [PortRedirect],
        mirror: AppMirror,
        certificates: [JSONValue] = []
    ) -> JSONValue {
        var container = agent(config: config, ports: [], mirror: mirror)
        // What the API server refuses in ephemeral containers.
        for field in ["readinessProbe", "resources", "ports"] { container[field] = nil }
        // Without own volumes.
        var mounts = mirror.mounts + certificates
        if let apiTokenVolume {
            mounts.append([
                "name": .string(apiTokenVolume), "mountPath": .string(AgentEnvironment.tokenDirectory),
                "readOnly": true,
            ])
        }
        container["volumeMounts"] = mounts.isEmpty ? nil : .array(mounts)
        let redirected: JSONValue = [
            "name": .string(PortRedirect.environmentName), "value": .string(PortRedirect.text(redirects)),
        ]
        container["env"] = .array(
            (container["env"]?.array ?? []) + [redirected, field(AgentEnvironment.hostAddress, "status.hostIP")]
        )
        container["securityContext"] = [
            "allowPrivilegeEscalation": false,
            "capabilities": ["drop": ["ALL"], "add": hasOwnUser ? ["DAC_OVERRIDE", "NET_ADMIN"] : ["NET_ADMIN"]],
            "privileged": false,
            "runAsNonRoot": false,
            "runAsUser": 0,
            "seccompProfile": ["type": "RuntimeDefault"],
        ]
        let taken = (pod.at("spec", "ephemeralContainers")?.array ?? []).compactMap { $0["name"]?.string }
        var name = AgentEnvironment.containerName
        var number = 2
        while taken.contains(name) {
            name = "\(AgentEnvironment.containerName)-\(number)"
            number += 1
        }
        container["name"] = .string(name)
        return container
    }

    /// What stands in a container's place while the agent serves its ports: it does nothing.
    ///
    /// The name and the resources stay, for what refers to them.
    func standIn(for container: AppContainer) -> JSONValue {
        var standIn: JSONValue = [
            "name": .string(container.name),
            "image": .string(settings.agentImage),
            "command": ["traffic", "stand-in"],
            "securityContext": restricted,
        ]
        standIn["resources"] = container.json["resources"]
        standIn["imagePullPolicy"] = settings.imagePullPolicy.map { .string($0) }
        return standIn
    }

    /// The init container that redirects ports: root, but with the one capability that it needs, and for a moment only.
    func redirecting(_ redirects: [PortRedirect]) -> JSONValue {
        var container: JSONValue = [
            "name": .string(AgentEnvironment.initContainerName),
            "image": .string(settings.agentImage),
            "command": ["traffic", "agent-init"],
            "env": [
                ["name": .string(PortRedirect.environmentName), "value": .string(PortRedirect.text(redirects))],
                ["name": .string(AgentEnvironment.logLevel), "value": literal(settings.logLevel)],
            ],
            "resources": ["requests": ["cpu": "10m", "memory": "16Mi"], "limits": ["memory": "64Mi"]],
            "securityContext": [
                "allowPrivilegeEscalation": false,
                "capabilities": ["drop": ["ALL"], "add": ["NET_ADMIN"]],
                "privileged": false,
                "readOnlyRootFilesystem": true,
                "runAsNonRoot": false,
                "runAsUser": 0,
                "seccompProfile": ["type": "RuntimeDefault"],
            ],
        ]
        container["imagePullPolicy"] = settings.imagePullPolicy.map { .string($0) }
        return container
    }

    /// What the Pod Security standard `restricted` asks for.
    private var restricted: JSONValue {
        var context: JSONValue = [
            "allowPrivilegeEscalation": false,
            "capabilities": ["drop": ["ALL"]],
            "privileged": false,
            "readOnlyRootFilesystem": true,
            "runAsNonRoot": true,
            "seccompProfile": ["type": "RuntimeDefault"],
        ]
        // Kubernetes starts nothing as root with `runAsNonRoot`: where neither app nor pod names a user, one is named here.
        // The app's own user is the best one: what it may read, the agent may.
        let app = pod.at("spec", "containers")?[0]?.at("securityContext", "runAsUser")?.integer ?? 0
        let shared = pod.at("spec", "securityContext", "runAsUser")?.integer ?? 0
        if app > 0 {
            context["runAsUser"] = .integer(app)
        } else if shared <= 0, let user = settings.agentUser {
            context["runAsUser"] = .integer(user)
            context["runAsGroup"] = .integer(user)
        }
        return context
    }

    private func literal(_ text: String) -> JSONValue { .string(EnvironmentReferences.literal(text)) }

    private func field(_ name: String, _ path: String) -> JSONValue {
        ["name": .string(name), "valueFrom": ["fieldRef": ["fieldPath": .string(path)]]]
    }
}
