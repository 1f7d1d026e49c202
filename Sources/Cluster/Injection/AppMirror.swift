/// What the agent needs to know the app's environment and files.
///
/// The app's variables appear under other names, its mounts in other places. Kubernetes itself fills them in, so they are
/// what the app gets.
struct AppMirror {
    private(set) var containers: [AgentConfig.Container] = []
    /// Elements of the agent's `env`.
    private(set) var environment: [JSONValue] = []
    /// Elements of the agent's `envFrom`.
    private(set) var environmentSources: [JSONValue] = []
    /// Elements of the agent's `volumeMounts`.
    private(set) var mounts: [JSONValue] = []

    /// What could not be mirrored.
    private(set) var warnings: [String] = []

    /// Mirrors the containers of a pod.
    ///
    /// - Parameters:
    ///   - containers: the app's.
    ///   - pod: its annotations say what becomes of volumes.
    ///   - settings: what the administrator says of that.
    ///   - withParts: false where mounts of a part of a volume (`subPath`) are impossible.
    init(containers: [AppContainer], pod: JSONValue, settings: InjectorSettings, withParts: Bool = true) {
        let policies = MountPolicies(pod: pod, administrator: settings.mountPolicies, warnings: &warnings)
        for container in containers {
            let prefix = AgentEnvironment.appPrefix(container.index)
            let mountPoint = "\(Injector.mountRoot)/\(container.name)"
            let names = mirrorEnvironment(of: container, prefix: prefix)
            let paths = mirrorMounts(of: container, at: mountPoint, policies, withParts, prefix: prefix, names)
            self.containers.append(
                AgentConfig.Container(
                    name: container.name,
                    environmentPrefix: prefix,
                    mountPoint: mountPoint,
                    mounts: paths.served,
                    localMounts: paths.local
                )
            )
        }
    }

    /// The new name of a variable that an app's value refers to, or nil when it is not the app's own.
    private static func renaming(_ names: Set<String>, fromSources: Bool, prefix: String) -> (String) -> String? {
        { name in
            if names.contains(name) { return prefix + name }
            // What comes from config maps is unknown here. The variables of services are there under their own names.
            guard fromSources, !name.contains("_SERVICE_"), !name.contains("_PORT") else { return nil }
            return prefix + name
        }
    }

    /// Copies the variables; returns the names that are the app's own.
    private mutating func mirrorEnvironment(of container: AppContainer, prefix: String) -> Set<String> {
        let sources = container.json["envFrom"]?.array ?? []
        for var source in sources where source.object != nil {
            source["prefix"] = .string(prefix + (source["prefix"]?.string ?? ""))
            environmentSources.append(source)
        }
        var names: Set<String> = []
        for variable in container.json["env"]?.array ?? [] {
            guard let name = variable["name"]?.string, !name.isEmpty else { continue }
            var copy: JSONValue = ["name": .string(prefix + name)]
            if var origin = variable["valueFrom"], origin.object != nil {
                if var resource = origin["resourceFieldRef"], resource.object != nil {
                    // Without a name it would mean the agent.
                    if (resource["containerName"]?.string ?? "").isEmpty {
                        resource["containerName"] = .string(container.name)
                    }
                    origin["resourceFieldRef"] = resource
                }
                copy["valueFrom"] = origin
            } else {
                // A value may refer to what stands before it, only.
                let renamed = Self.renaming(names, fromSources: !sources.isEmpty, prefix: prefix)
                copy["value"] = .string(EnvironmentReferences.rewrite(variable["value"]?.string ?? "", renamed))
            }
            environment.append(copy)
            names.insert(name)
        }
        return names
    }

    /// Copies the mounts that are to be served; returns the app's paths.
    private mutating func mirrorMounts(
        of container: AppContainer,
        at mountPoint: String,
        _ policies: MountPolicies,
        _ withParts: Bool,
        prefix: String,
        _ names: Set<String>
    ) -> (served: [String], local: [String]) {
        let fromSources = !(container.json["envFrom"]?.array ?? []).isEmpty
        var paths: (served: [String], local: [String]) = ([], [])
        for mount in container.json["volumeMounts"]?.array ?? [] {
            guard let volume = mount["name"]?.string, let path = mount["mountPath"]?.string, !path.isEmpty else {
                continue
            }
            let absolute = path.hasPrefix("/") ? path : "/" + path
            let policy = policies.policy(volume: volume, path: absolute)
            if policy == .local { paths.local.append(absolute) }
            guard policy == .remote || policy == .remoteReadOnly else { continue }
            guard withParts || mount["subPath"] == nil && mount["subPathExpr"] == nil else {
                warnings.append(
                    "the mount \(absolute) of container \(container.name) is a part of a volume (subPath), which an "
                        + "ephemeral container cannot have: it is not served"
                )
                continue
            }
            var copy: JSONValue = ["name": .string(volume), "mountPath": .string(mountPoint + absolute)]
            if policy == .remoteReadOnly || mount["readOnly"]?.bool == true { copy["readOnly"] = true }
            copy["subPath"] = mount["subPath"]
            if let expression = mount["subPathExpr"]?.string {
                let renamed = Self.renaming(names, fromSources: fromSources, prefix: prefix)
                copy["subPathExpr"] = .string(EnvironmentReferences.rewrite(expression, renamed))
            }
            mounts.append(copy)
            paths.served.append(absolute)
        }
        return paths
    }
}
