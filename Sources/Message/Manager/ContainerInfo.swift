/// A container beside the agent.
package struct ContainerInfo: WireMessage {
    /// Name of the container.
    package var name: String
    /// Its environment as the agent sees it.
    package var environment: [String: String]
    /// Paths of its volumes that the agent serves.
    package var mounts: [String]
    /// Paths of its volumes for which the workstation's own files stand.
    package var localMounts: [String]
    /// Why the agent can serve no volumes; empty when it can.
    package var mountError: String

    package init(
        name: String = "",
        environment: [String: String] = [:],
        mounts: [String] = [],
        localMounts: [String] = [],
        mountError: String = ""
    ) {
        self.name = name
        self.environment = environment
        self.mounts = mounts
        self.localMounts = localMounts
        self.mountError = mountError
    }

    /// Every field at its default.
    package init() {
        self.init(name: "")
    }

    package static let table = MessageTable(
        "ContainerInfo",
        [
            FieldRow(1, "name", .string),
            FieldRow(2, "environment", .map),
            FieldRow(3, "mounts", .repeated(.string)),
            FieldRow(4, "local_mounts", .repeated(.string)),
            FieldRow(5, "mount_error", .string),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, name)
        writer.map(2, environment)
        writer.string(3, mounts)
        writer.string(4, localMounts)
        writer.string(5, mountError)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: name = try reader.string(field)
            case 2: try reader.mapEntry(field, into: &environment)
            case 3: mounts.append(try reader.string(field, repeated: true))
            case 4: localMounts.append(try reader.string(field, repeated: true))
            case 5: mountError = try reader.string(field)
            default: break
            }
        }
    }
}
