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

    init(containers: [AppContainer], pod: JSONValue) {
        let ignored = Set(InjectionAnnotations.list(InjectionAnnotations.ignoredVolumeMounts, of: pod) ?? [])
        for container in containers {
            let prefix = AgentEnvironment.appPrefix(container.index)
            let mountPoint = "\(Injector.mountRoot)/\(container.name)"
            let names = mirrorEnvironment(of: container, prefix: prefix)
            let paths = mirrorMounts(of: container, at: mountPoint, ignored, prefix: prefix, names)
            self.containers.append(
                AgentConfig.Container(
                    name: container.name,
                    environmentPrefix: prefix,
                    mountPoint: mountPoint,
                    mounts: paths
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

    /// Copies the mounts, read-only; returns the app's paths.
    private mutating func mirrorMounts(
        of container: AppContainer,
        at mountPoint: String,
        _ ignored: Set<String>,
        prefix: String,
        _ names: Set<String>
    ) -> [String] {
        let fromSources = !(container.json["envFrom"]?.array ?? []).isEmpty
        var paths: [String] = []
        for mount in container.json["volumeMounts"]?.array ?? [] {
            guard let volume = mount["name"]?.string, let path = mount["mountPath"]?.string, !path.isEmpty,
                !ignored.contains(volume), !ignored.contains(path)
            else { continue }
            let absolute = path.hasPrefix("/") ? path : "/" + path
            var copy: JSONValue = [
                "name": .string(volume), "mountPath": .string(mountPoint + absolute), "readOnly": true,
            ]
            copy["subPath"] = mount["subPath"]
            if let expression = mount["subPathExpr"]?.string {
                let renamed = Self.renaming(names, fromSources: fromSources, prefix: prefix)
                copy["subPathExpr"] = .string(EnvironmentReferences.rewrite(expression, renamed))
            }
            mounts.append(copy)
            paths.append(absolute)
        }
        return paths
    }
}
