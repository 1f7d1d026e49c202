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
    /// Headers that a request must have, all of them, by lower-case name; none means every request.
    package var headers: [String: String]
    /// The path that a request must have.
    package var path: String
    /// How the path is meant; unknown means that every path will do.
    package var pathMatch: PathMatch
    /// Requests reach the workstation in plain text where they came by TLS.
    package var plaintext: Bool
    /// What the user has noted, for others to read.
    package var metadata: [String: String]
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
        headers: [String: String] = [:],
        path: String = "",
        pathMatch: PathMatch = .unknown,
        plaintext: Bool = false,
        metadata: [String: String] = [:],
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
        self.headers = headers
        self.path = path
        self.pathMatch = pathMatch
        self.plaintext = plaintext
        self.metadata = metadata
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
            FieldRow(9, "headers", .map),
            FieldRow(10, "path", .string),
            FieldRow(11, "path_match", .enumeration("PathMatch")),
            FieldRow(12, "plaintext", .bool),
            FieldRow(13, "metadata", .map),
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
        writer.map(9, headers)
        writer.string(10, path)
        writer.enumeration(11, pathMatch)
        writer.bool(12, plaintext)
        writer.map(13, metadata)
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
            case 9: try reader.mapEntry(field, into: &headers)
            case 10: path = try reader.string(field)
            case 11: pathMatch = try reader.enumeration(field)
            case 12: plaintext = try reader.bool(field)
            case 13: try reader.mapEntry(field, into: &metadata)
            case 14: portless = try reader.bool(field)
            default: break
            }
        }
    }
}
