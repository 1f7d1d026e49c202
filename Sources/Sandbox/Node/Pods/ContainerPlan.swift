import Cluster

/// How a container of a pod is to run: its specification as the pod runtime takes it.
///
/// A pure function of objects.
enum ContainerPlan {
    private static let path = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

    /// Works a container out, or says what is wrong in the words of the kubelet.
    static func make(
        id: String,
        container: JSONValue,
        image: ImageTable.Image,
        fields: PodFields,
        services: [String: String],
        files: [String: String],
        find: (ResourceKind, String) -> JSONValue?
    ) throws(RuntimeError) -> ContainerSpec {
        var spec = ContainerSpec(id: id)
        let pod = fields.pod
        let own = container["securityContext"]
        let shared = pod.at("spec", "securityContext")
        spec.user = UInt32(clamping: own?["runAsUser"]?.int ?? shared?["runAsUser"]?.int ?? 0)
        let environment = try ContainerEnvironment(
            container: container,
            fields: fields,
            services: services,
            find: find
        ).values
        var values = [
            "PATH": image.directory.map { "\($0):\(self.path)" } ?? self.path, "HOME": "/",
            "HOSTNAME": self.hostname(pod), "PYTHONDONTWRITEBYTECODE": "1", "PYTHONUNBUFFERED": "1",
        ]
        if spec.user == 0 { values["HOME"] = "/root" }
        if container["tty"]?.bool == true { values["TERM"] = "xterm" }
        values.merge(environment) { _, given in given }
        spec.environment = values.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }
        let command = (container["command"]?.stringArray ?? []).map { ContainerEnvironment.expand($0, environment) }
        let arguments = (container["args"]?.stringArray ?? []).map { ContainerEnvironment.expand($0, environment) }
        spec.arguments = (command.isEmpty ? image.entrypoint : command) + arguments
        if let directory = container["workingDir"]?.string, !directory.isEmpty { spec.workingDirectory = directory }
        spec.shown = image.shown
        spec.files = files
        spec.group = UInt32(clamping: own?["runAsGroup"]?.int ?? shared?["runAsGroup"]?.int ?? 0)
        let supplemental = (shared?["supplementalGroups"]?.array ?? []).compactMap {
            $0.int.map { UInt32(clamping: $0) }
        }
        spec.groups = supplemental + (shared?["fsGroup"]?.int.map { [UInt32(clamping: $0)] } ?? [])
        if spec.user == 0, own?["runAsNonRoot"]?.bool ?? shared?["runAsNonRoot"]?.bool ?? false {
            throw RuntimeError("container has runAsNonRoot and image will run as root", code: 0)
        }
        spec.capabilities = Capabilities.of(own)
        spec.noNewPrivileges = own?["allowPrivilegeEscalation"]?.bool == false
        spec.readOnlyRoot = own?["readOnlyRootFilesystem"]?.bool ?? false
        for mount in container["volumeMounts"]?.array ?? [] {
            let subPath =
                mount["subPathExpr"]?.string.map { ContainerEnvironment.expand($0, environment) }
                ?? mount["subPath"]?.string ?? ""
            spec.mounts.append(
                ContainerSpec.Mount(
                    volume: mount["name"]?.string ?? "",
                    subPath: subPath,
                    path: mount["mountPath"]?.string ?? "/",
                    readOnly: mount["readOnly"]?.bool ?? false
                )
            )
        }
        // Inner places after outer ones.
        spec.mounts.sort { $0.path.utf8.count < $1.path.utf8.count }
        return spec
    }

    /// The pod's host name.
    static func hostname(_ pod: JSONValue) -> String {
        let name = pod.at("spec", "hostname")?.string ?? pod.name
        var short = name.prefix(63)
        while short.last == "-" || short.last == "." { short = short.dropLast() }
        return String(short)
    }

    /// `/etc/resolv.conf`, `/etc/hosts` and `/etc/hostname` of a pod's containers.
    static func files(_ pod: JSONValue, address: String, dns: String, domain: String) -> [String: String] {
        let hostname = self.hostname(pod)
        var nameservers = [dns]
        var searches = ["\(pod.namespace).svc.\(domain)", "svc.\(domain)", domain]
        var options = ["ndots:5"]
        let policy = pod.at("spec", "dnsPolicy")?.string ?? "ClusterFirst"
        let hostNetwork = pod.at("spec", "hostNetwork")?.bool ?? false
        if policy == "None" || policy == "Default" || policy == "ClusterFirst" && hostNetwork {
            (nameservers, searches, options) = ([], [], [])
        }
        if let config = pod.at("spec", "dnsConfig") {
            nameservers += config["nameservers"]?.stringArray ?? []
            searches += config["searches"]?.stringArray ?? []
            for option in config["options"]?.array ?? [] {
                let name = option["name"]?.string ?? ""
                options.removeAll { $0 == name || $0.hasPrefix(name + ":") }
                options.append(option["value"]?.string.map { "\(name):\($0)" } ?? name)
            }
        }
        var resolver = nameservers.map { "nameserver \($0)\n" }.joined()
        if !searches.isEmpty { resolver += "search \(searches.joined(separator: " "))\n" }
        if !options.isEmpty { resolver += "options \(options.joined(separator: " "))\n" }
        var names = hostname
        if let subdomain = pod.at("spec", "subdomain")?.string, !subdomain.isEmpty {
            names = "\(hostname).\(subdomain).\(pod.namespace).svc.\(domain)\t\(hostname)"
        }
        var hosts =
            "# Kubernetes-managed hosts file.\n127.0.0.1\tlocalhost\n::1\tlocalhost ip6-localhost ip6-loopback\n"
        hosts += "\(address)\t\(names)\n"
        for alias in pod.at("spec", "hostAliases")?.array ?? [] {
            let words = (alias["hostnames"]?.stringArray ?? []).joined(separator: "\t")
            hosts += "\(alias["ip"]?.string ?? "")\t\(words)\n"
        }
        return ["/etc/resolv.conf": resolver, "/etc/hosts": hosts, "/etc/hostname": hostname + "\n"]
    }
}
