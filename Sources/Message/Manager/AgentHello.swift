/// What an agent says of itself.
package struct AgentHello: WireMessage {
    /// Deployment, StatefulSet or ReplicaSet.
    package var workloadKind: String
    /// Name of the workload.
    package var workloadName: String
    /// Namespace of the pod.
    package var namespace: String
    /// Name of the pod.
    package var podName: String
    /// Address of the pod.
    package var podIP: String
    /// The containers beside it.
    package var containers: [ContainerInfo]
    /// The ports that it forwards.
    package var ports: [AgentPort]
    /// The containers whose place it has taken: they do not run.
    package var replacedContainers: [String]
    /// Port of the pod's loopback address where it takes workstations' direct links; 0 if it takes none.
    package var linkPort: UInt16

    package init(
        workloadKind: String = "",
        workloadName: String = "",
        namespace: String = "",
        podName: String = "",
        podIP: String = "",
        containers: [ContainerInfo] = [],
        ports: [AgentPort] = [],
        replacedContainers: [String] = [],
        linkPort: UInt16 = 0
    ) {
        self.workloadKind = workloadKind
        self.workloadName = workloadName
        self.namespace = namespace
        self.podName = podName
        self.podIP = podIP
        self.containers = containers
        self.ports = ports
        self.replacedContainers = replacedContainers
        self.linkPort = linkPort
    }

    /// Every field at its default.
    package init() {
        self.init(workloadKind: "")
    }

    package static let table = MessageTable(
        "AgentHello",
        [
            FieldRow(1, "workload_kind", .string),
            FieldRow(2, "workload_name", .string),
            FieldRow(3, "namespace", .string),
            FieldRow(4, "pod_name", .string),
            FieldRow(5, "pod_ip", .string),
            FieldRow(6, "containers", .repeated(.message("ContainerInfo"))),
            FieldRow(7, "ports", .repeated(.message("AgentPort"))),
            FieldRow(12, "replaced_containers", .repeated(.string)),
            FieldRow(24, "link_port", .unsigned(bits: 16)),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, workloadKind)
        writer.string(2, workloadName)
        writer.string(3, namespace)
        writer.string(4, podName)
        writer.string(5, podIP)
        writer.message(6, containers)
        writer.message(7, ports)
        writer.string(12, replacedContainers)
        writer.unsigned(24, linkPort)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: workloadKind = try reader.string(field)
            case 2: workloadName = try reader.string(field)
            case 3: namespace = try reader.string(field)
            case 4: podName = try reader.string(field)
            case 5: podIP = try reader.string(field)
            case 6: containers.append(try reader.message(field, repeated: true))
            case 7: ports.append(try reader.message(field, repeated: true))
            case 12: replacedContainers.append(try reader.string(field, repeated: true))
            case 24: linkPort = try reader.unsigned(field)
            default: break
            }
        }
    }
}
