import Cluster

/// Pod Security admission: what the labels of a namespace demand of its pods.
///
/// Pure, but for reading the namespace. Levels and words are those of Kubernetes; fields that the sandbox's containers do not
/// know (SELinux, AppArmor, Windows) are not looked at.
enum PodSecurity {
    private static let label = "pod-security.kubernetes.io/enforce"
    /// What a container may add under `baseline`.
    private static let usual: Set<String> = [
        "AUDIT_WRITE", "CHOWN", "DAC_OVERRIDE", "FOWNER", "FSETID", "KILL", "MKNOD", "NET_BIND_SERVICE", "SETFCAP",
        "SETGID",
        "SETPCAP", "SETUID", "SYS_CHROOT",
    ]
    private static let volumes: Set<String> = [
        "configMap", "csi", "downwardAPI", "emptyDir", "ephemeral", "image", "persistentVolumeClaim", "projected",
        "secret",
    ]
    private static let sysctls: Set<String> = [
        "kernel.shm_rmid_forced", "net.ipv4.ip_local_port_range", "net.ipv4.ip_unprivileged_port_start",
        "net.ipv4.tcp_syncookies", "net.ipv4.ping_group_range", "net.ipv4.ip_local_reserved_ports",
        "net.ipv4.tcp_keepalive_time", "net.ipv4.tcp_fin_timeout", "net.ipv4.tcp_keepalive_intvl",
        "net.ipv4.tcp_keepalive_probes", "net.ipv4.tcp_rmem", "net.ipv4.tcp_wmem",
    ]

    /// Fails with 403 when the pod is not as its namespace demands.
    static func check(_ pod: JSONValue, namespace: JSONValue?) throws(StatusError) {
        let labels = namespace?.labels ?? [:]
        guard let level = labels[self.label], ["baseline", "restricted"].contains(level) else { return }
        let found = self.violations(pod, restricted: level == "restricted")
        guard !found.isEmpty else { return }
        let version = labels["\(self.label)-version"] ?? "latest"
        throw .forbidden(
            "pods \"\(pod.name)\" is forbidden: violates PodSecurity \"\(level):\(version)\": "
                + found.joined(separator: ", "),
            kind: .pods,
            name: pod.name
        )
    }

    /// What a pod does that a level forbids, in Kubernetes' words.
    static func violations(_ pod: JSONValue, restricted: Bool) -> [String] {
        let spec = pod["spec"] ?? .emptyObject
        let containers = ["initContainers", "containers", "ephemeralContainers"].flatMap { spec[$0]?.array ?? [] }
        let baseline = self.baseline(spec, containers, restricted: restricted)
        return (restricted ? baseline + self.restricted(spec, containers) : baseline).sorted()
    }

    private static func names(_ containers: [JSONValue]) -> String {
        let names = containers.map { "\"\($0["name"]?.string ?? "")\"" }
        return (names.count == 1 ? "container " : "containers ") + names.joined(separator: ", ")
    }

    private static func baseline(_ spec: JSONValue, _ containers: [JSONValue], restricted: Bool) -> [String] {
        var found: [String] = []
        let shared = ["hostNetwork", "hostPID", "hostIPC"].filter { spec[$0]?.bool == true }
        if !shared.isEmpty { found.append("host namespaces (\(shared.map { "\($0)=true" }.joined(separator: ", ")))") }
        let mighty = containers.filter { $0.at("securityContext", "privileged")?.bool == true }
        if !mighty.isEmpty {
            found.append("privileged (\(self.names(mighty)) must not set securityContext.privileged=true)")
        }
        if !restricted {
            let capable = containers.filter { !self.unusual($0, self.usual).isEmpty }
            if !capable.isEmpty {
                let added = Set(capable.flatMap { self.unusual($0, self.usual) }).sorted().map { "\"\($0)\"" }
                found.append(
                    "non-default capabilities (\(self.names(capable)) must not include \(added.joined(separator: ", ")) "
                        + "in securityContext.capabilities.add)"
                )
            }
        }
        let paths = (spec["volumes"]?.array ?? []).filter { $0["hostPath"]?.object != nil }
        if !paths.isEmpty, !restricted {
            let names = paths.map { "\"\($0["name"]?.string ?? "")\"" }.joined(separator: ", ")
            found.append("hostPath volumes (\(paths.count == 1 ? "volume" : "volumes") \(names))")
        }
        let ports = containers.flatMap { $0["ports"]?.array ?? [] }.compactMap { $0["hostPort"]?.int }.filter { $0 > 0 }
        if !ports.isEmpty, spec["hostNetwork"]?.bool != true {
            let using = containers.filter { ($0["ports"]?.array ?? []).contains { ($0["hostPort"]?.int ?? 0) > 0 } }
            let list = ports.map(String.init).joined(separator: ", ")
            found.append(
                "hostPort (\(self.names(using)) \(using.count == 1 ? "uses" : "use") "
                    + "\(ports.count == 1 ? "hostPort" : "hostPorts") \(list))"
            )
        }
        let settings = (spec.at("securityContext", "sysctls")?.array ?? []).compactMap { $0["name"]?.string }
            .filter { !self.sysctls.contains($0) }
        if !settings.isEmpty { found.append("forbidden sysctls (\(settings.joined(separator: ", ")))") }
        return found
    }

    private static func unusual(_ container: JSONValue, _ allowed: Set<String>) -> [String] {
        (container.at("securityContext", "capabilities", "add")?.stringArray ?? []).filter { !allowed.contains($0) }
    }

    private static func restricted(_ spec: JSONValue, _ containers: [JSONValue]) -> [String] {
        var found: [String] = []
        let rising = containers.filter { $0.at("securityContext", "allowPrivilegeEscalation")?.bool != false }
        if !rising.isEmpty {
            found.append(
                "allowPrivilegeEscalation != false (\(self.names(rising)) must set "
                    + "securityContext.allowPrivilegeEscalation=false)"
            )
        }
        let keeping = containers.filter {
            !($0.at("securityContext", "capabilities", "drop")?.stringArray ?? []).contains("ALL")
        }
        let adding = containers.filter { !self.unusual($0, ["NET_BIND_SERVICE"]).isEmpty }
        if !keeping.isEmpty || !adding.isEmpty {
            var parts: [String] = []
            if !keeping.isEmpty {
                parts.append("\(self.names(keeping)) must set securityContext.capabilities.drop=[\"ALL\"]")
            }
            if !adding.isEmpty {
                let added = Set(adding.flatMap { self.unusual($0, ["NET_BIND_SERVICE"]) }).sorted().map { "\"\($0)\"" }
                parts.append(
                    "\(self.names(adding)) must not include \(added.joined(separator: ", ")) in "
                        + "securityContext.capabilities.add"
                )
            }
            found.append("unrestricted capabilities (\(parts.joined(separator: "; ")))")
        }
        let kinds = (spec["volumes"]?.array ?? []).compactMap { volume -> String? in
            guard let kind = (volume.object ?? [:]).keys.first(where: { $0 != "name" }), !self.volumes.contains(kind)
            else { return nil }
            return "volume \"\(volume["name"]?.string ?? "")\" uses restricted volume type \"\(kind)\""
        }
        if !kinds.isEmpty { found.append("restricted volume types (\(kinds.joined(separator: ", ")))") }
        let shared = spec["securityContext"]
        let rooted = containers.filter { container in
            let own = container.at("securityContext", "runAsNonRoot")?.bool
            return own == false || own == nil && shared?["runAsNonRoot"]?.bool != true
        }
        if !rooted.isEmpty {
            found.append(
                "runAsNonRoot != true (pod or \(self.names(rooted)) must set securityContext.runAsNonRoot=true)"
            )
        }
        var zeros: [String] = []
        if shared?["runAsUser"]?.int == 0 { zeros.append("pod must not set runAsUser=0") }
        let zero = containers.filter { $0.at("securityContext", "runAsUser")?.int == 0 }
        if !zero.isEmpty { zeros.append("\(self.names(zero)) must not set runAsUser=0") }
        if !zeros.isEmpty { found.append("runAsUser=0 (\(zeros.joined(separator: "; ")))") }
        let confined = ["RuntimeDefault", "Localhost"]
        let open = containers.filter { container in
            let own = container.at("securityContext", "seccompProfile", "type")?.string
            return !confined.contains(own ?? shared?.at("seccompProfile", "type")?.string ?? "")
        }
        if !open.isEmpty {
            found.append(
                "seccompProfile (pod or \(self.names(open)) must set securityContext.seccompProfile.type to "
                    + "\"RuntimeDefault\" or \"Localhost\")"
            )
        }
        return found
    }
}
