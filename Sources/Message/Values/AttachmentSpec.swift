/// What the user asked for.
package struct AttachmentSpec: WireMessage {
    /// Name of the attachment, unique within a session and namespace.
    package var name: String
    /// What to do with the traffic.
    package var kind: AttachmentKind
    /// Name of the workload, or kind/name.
    package var workload: String
    /// Namespace of the workload.
    package var namespace: String
    /// Name of the service; empty means the one that selects the workload.
    package var service: String
    /// Container whose environment is wanted; empty means the one of the first port.
    package var container: String
    /// Ports; none means the only port there is.
    package var ports: [PortSpec]
    /// How the agent comes into the pods: empty lets the manager choose, `ephemeral` spares them a restart.
    package var attach: String
    /// Of a replacement: none of the container's ports comes to the workstation.
    package var portless: Bool

    package init(
        name: String = "",
        kind: AttachmentKind = .unknown,
        workload: String = "",
        namespace: String = "",
        service: String = "",
        container: String = "",
        ports: [PortSpec] = [],
        attach: String = "",
        portless: Bool = false
    ) {
        self.name = name
        self.kind = kind
        self.workload = workload
        self.namespace = namespace
        self.service = service
        self.container = container
        self.ports = ports
        self.attach = attach
        self.portless = portless
    }

    /// Every field at its default.
    package init() {
        self.init(name: "")
    }

    package static let table = MessageTable(
        "AttachmentSpec",
        [
            FieldRow(1, "name", .string),
            FieldRow(2, "kind", .enumeration("AttachmentKind")),
            FieldRow(3, "workload", .string),
            FieldRow(4, "namespace", .string),
            FieldRow(5, "service", .string),
            FieldRow(6, "container", .string),
            FieldRow(7, "ports", .repeated(.message("PortSpec"))),
            FieldRow(8, "attach", .string),
            FieldRow(14, "portless", .bool),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, name)
        writer.enumeration(2, kind)
        writer.string(3, workload)
        writer.string(4, namespace)
        writer.string(5, service)
        writer.string(6, container)
        writer.message(7, ports)
        writer.string(8, attach)
        writer.bool(14, portless)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: name = try reader.string(field)
            case 2: kind = try reader.enumeration(field)
            case 3: workload = try reader.string(field)
            case 4: namespace = try reader.string(field)
            case 5: service = try reader.string(field)
            case 6: container = try reader.string(field)
            case 7: ports.append(try reader.message(field, repeated: true))
            case 8: attach = try reader.string(field)
            case 14: portless = try reader.bool(field)
            default: break
            }
        }
    }
}
