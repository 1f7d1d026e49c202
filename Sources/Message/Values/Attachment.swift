/// An attachment as the manager knows it.
package struct Attachment: WireMessage {
    /// Identifier, unique in the manager.
    package var id: String
    /// The session that it belongs to.
    package var sessionID: String
    /// What was asked for.
    package var spec: AttachmentSpec
    /// How far it has come.
    package var state: AttachmentState
    /// Why it is in that state, for people; empty when active.
    package var message: String
    /// Pod of the agent that confirmed it first.
    package var podName: String
    /// Address of that pod.
    package var podIP: String
    /// Environment of the container.
    package var environment: [String: String]
    /// Its ports as found in the cluster.
    package var ports: [ResolvedPort]
    /// Who holds it, as user@host.
    package var owner: String
    /// Deployment, StatefulSet or ReplicaSet.
    package var workloadKind: String
    /// Of a wiretap: connections and flows of which copies were begun.
    package var copied: UInt64
    /// Of a wiretap: copies that lack something, and datagrams that were left out.
    package var dropped: UInt64
    /// Directory of the workstation where its volumes are; filled in by the user daemon.
    package var mountPoint: String
    /// Why the volumes are not there, for people.
    package var mountError: String
    /// Paths of the container's volumes, below the mount point.
    package var mounts: [String]
    /// Paths for which the workstation's own files stand.
    package var localMounts: [String]
    /// Counts up as attachments are made: of two whose filters a request satisfies equally well, the lower gets it.
    package var order: UInt64
    /// The agents that serve it and take direct links, by pod; not all of a workload with very many pods.
    package var agents: [AgentPlace]

    package init(
        id: String = "",
        sessionID: String = "",
        spec: AttachmentSpec = AttachmentSpec(),
        state: AttachmentState = .unknown,
        message: String = "",
        podName: String = "",
        podIP: String = "",
        environment: [String: String] = [:],
        ports: [ResolvedPort] = [],
        owner: String = "",
        workloadKind: String = "",
        copied: UInt64 = 0,
        dropped: UInt64 = 0,
        mountPoint: String = "",
        mountError: String = "",
        mounts: [String] = [],
        localMounts: [String] = [],
        order: UInt64 = 0,
        agents: [AgentPlace] = []
    ) {
        self.id = id
        self.sessionID = sessionID
        self.spec = spec
        self.state = state
        self.message = message
        self.podName = podName
        self.podIP = podIP
        self.environment = environment
        self.ports = ports
        self.owner = owner
        self.workloadKind = workloadKind
        self.copied = copied
        self.dropped = dropped
        self.mountPoint = mountPoint
        self.mountError = mountError
        self.mounts = mounts
        self.localMounts = localMounts
        self.order = order
        self.agents = agents
    }

    /// Every field at its default.
    package init() {
        self.init(id: "")
    }

    package static let table = MessageTable(
        "Attachment",
        [
            FieldRow(1, "id", .string),
            FieldRow(2, "session_id", .string),
            FieldRow(3, "spec", .message("AttachmentSpec")),
            FieldRow(4, "state", .enumeration("AttachmentState")),
            FieldRow(5, "message", .string),
            FieldRow(6, "pod_name", .string),
            FieldRow(7, "pod_ip", .string),
            FieldRow(8, "environment", .map),
            FieldRow(9, "ports", .repeated(.message("ResolvedPort"))),
            FieldRow(10, "owner", .string),
            FieldRow(11, "workload_kind", .string),
            FieldRow(12, "copied", .unsigned(bits: 64)),
            FieldRow(13, "dropped", .unsigned(bits: 64)),
            FieldRow(16, "mount_point", .string),
            FieldRow(17, "mount_error", .string),
            FieldRow(18, "mounts", .repeated(.string)),
            FieldRow(19, "local_mounts", .repeated(.string)),
            FieldRow(20, "order", .unsigned(bits: 64)),
            FieldRow(24, "agents", .repeated(.message("AgentPlace"))),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, id)
        writer.string(2, sessionID)
        writer.message(3, spec)
        writer.enumeration(4, state)
        writer.string(5, message)
        writer.string(6, podName)
        writer.string(7, podIP)
        writer.map(8, environment)
        writer.message(9, ports)
        writer.string(10, owner)
        writer.string(11, workloadKind)
        writer.unsigned(12, copied)
        writer.unsigned(13, dropped)
        writer.string(16, mountPoint)
        writer.string(17, mountError)
        writer.string(18, mounts)
        writer.string(19, localMounts)
        writer.unsigned(20, order)
        writer.message(24, agents)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: id = try reader.string(field)
            case 2: sessionID = try reader.string(field)
            case 3: spec = try reader.message(field)
            case 4: state = try reader.enumeration(field)
            case 5: message = try reader.string(field)
            case 6: podName = try reader.string(field)
            case 7: podIP = try reader.string(field)
            case 8: try reader.mapEntry(field, into: &environment)
            case 9: ports.append(try reader.message(field, repeated: true))
            case 10: owner = try reader.string(field)
            case 11: workloadKind = try reader.string(field)
            case 12: copied = try reader.unsigned(field)
            case 13: dropped = try reader.unsigned(field)
            case 16: mountPoint = try reader.string(field)
            case 17: mountError = try reader.string(field)
            case 18: mounts.append(try reader.string(field, repeated: true))
            case 19: localMounts.append(try reader.string(field, repeated: true))
            case 20: order = try reader.unsigned(field)
            case 24: agents.append(try reader.message(field, repeated: true))
            default: break
            }
        }
    }
}
