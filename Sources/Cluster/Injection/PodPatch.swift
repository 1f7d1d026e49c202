/// The JSON patch of a pod under construction; makes the lists and maps that are missing.
struct PodPatch {
    private static let probeNames = ["livenessProbe", "readinessProbe", "startupProbe"]
    private static let hookNames = ["postStart", "preStop"]

    private let pod: JSONValue
    private(set) var patch = JSONPatch()
    private var made: Set<JSONPointer> = []

    init(pod: JSONValue) {
        self.pod = pod
    }

    /// Makes a list or map unless the pod has it.
    private mutating func make(_ path: JSONPointer, _ empty: JSONValue) {
        guard pod[path]?.isNull ?? true, made.insert(path).inserted else { return }
        patch.operations.append(.add(path, empty))
    }

    mutating func addContainer(_ container: JSONValue) {
        patch.operations.append(.add("/spec/containers/-", container))
    }

    /// Puts another container into the place of one.
    mutating func replace(_ container: AppContainer, by other: JSONValue) {
        let path = JSONPointer("spec", "containers").appending(container.index)
        patch.operations.append(.replace(path, other))
    }

    mutating func addInitContainer(_ container: JSONValue) {
        make("/spec/initContainers", [])
        patch.operations.append(.add("/spec/initContainers/-", container))
    }

    mutating func addVolume(_ volume: JSONValue) {
        make("/spec/volumes", [])
        patch.operations.append(.add("/spec/volumes/-", volume))
    }

    /// Labels and annotates the pod as one with an agent.
    mutating func mark(workload: InjectionRequest.Workload, image: String, replaced: [String]) {
        make("/metadata", .emptyObject)
        make("/metadata/labels", .emptyObject)
        make("/metadata/annotations", .emptyObject)
        let labels = JSONPointer("metadata", "labels")
        for (name, value) in [
            (InjectionAnnotations.workloadKind, workload.kind), (InjectionAnnotations.workloadName, workload.name),
        ] {
            // A label's value has at most 63 characters; a longer name is left out rather than told wrong.
            guard value.utf8.count <= 63 else { continue }
            patch.operations.append(.add(labels.appending(name), .string(value)))
        }
        let annotation = JSONPointer("metadata", "annotations", InjectionAnnotations.injected)
        patch.operations.append(.add(annotation, .string(image)))
        guard !replaced.isEmpty else { return }
        let names = JSONPointer("metadata", "annotations", InjectionAnnotations.replacedContainers)
        patch.operations.append(.add(names, .string(replaced.joined(separator: ","))))
    }

    // MARK: - Ports and probes

    /// Gives a port of the app another name, and lets the container's probes and hooks follow.
    ///
    /// - Parameters:
    ///   - port: The port.
    ///   - container: Its container.
    ///   - taken: The names that ports of the container have or were given.
    /// - Returns: The new name.
    mutating func renamePort(_ port: AppContainer.Port, of container: AppContainer, taken: [String]) -> String {
        let name = port.name ?? ""
        let changed = Self.appPortName(name, taken: taken)
        let path = JSONPointer("spec", "containers").appending(container.index)
        patch.operations.append(
            .replace(path.appending("ports").appending(port.index).appending("name"), .string(changed))
        )
        for probe in probePorts(of: container) where probe.value.string == name {
            patch.operations.append(.replace(probe.path, .string(changed)))
        }
        return changed
    }

    /// The new name of an app's port whose own name the agent takes over: `tm-` in front, at most 15 characters, unique.
    static func appPortName(_ name: String, taken: [String]) -> String {
        func cut(_ text: String, to length: Int) -> String {
            var text = text.prefix(length)
            // A port's name may not end with a hyphen.
            while text.last == "-" { text = text.dropLast() }
            return String(text)
        }
        var candidate = cut("tm-" + name, to: 15)
        var number = 2
        while taken.contains(candidate) {
            let suffix = "-\(number)"
            candidate = cut("tm-" + name, to: 15 - suffix.count) + suffix
            number += 1
        }
        return candidate
    }

    /// Whether probes or hooks of any container come to a port.
    func probes(reach target: TargetPort, in containers: [AppContainer]) -> Bool {
        containers.contains { container in
            probePorts(of: container).contains { Self.leads($0.value, from: container, to: target) }
        }
    }

    /// Sends the probes and hooks that come to a port to another one.
    mutating func redirectProbes(of target: TargetPort, in containers: [AppContainer], to port: Int) {
        for container in containers {
            for probe in probePorts(of: container) where Self.leads(probe.value, from: container, to: target) {
                patch.operations.append(.replace(probe.path, .integer(Int64(port))))
            }
        }
    }

    /// Whether a probe's port, a number or the name of one of the container's ports, is the target.
    private static func leads(_ port: JSONValue, from container: AppContainer, to target: TargetPort) -> Bool {
        if let number = port.int ?? port.string.flatMap({ Int($0) }) { return number == target.number }
        guard let name = port.string else { return false }
        return container.ports.first { $0.name == name }?.number == target.number
    }

    /// The ports of a container's probes and hooks, with their places in the pod; those of other hosts are left out.
    private func probePorts(of container: AppContainer) -> [(path: JSONPointer, value: JSONValue)] {
        let base = JSONPointer("spec", "containers").appending(container.index)
        let holders =
            Self.probeNames.map { JSONPointer([$0]) } + Self.hookNames.map { JSONPointer("lifecycle", $0) }
        var found: [(path: JSONPointer, value: JSONValue)] = []
        for holder in holders {
            for action in ["httpGet", "tcpSocket", "grpc"] {
                let path = holder.appending(action)
                guard let json = container.json[path], json["host"]?.string ?? "" == "" else { continue }
                guard let port = json["port"] else { continue }
                found.append((JSONPointer(base.tokens + path.tokens + ["port"]), port))
            }
        }
        return found
    }
}
