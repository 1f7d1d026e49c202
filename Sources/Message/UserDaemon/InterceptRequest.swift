/// Asks for an intercept.
package struct InterceptRequest: WireMessage {
    /// What is wanted.
    package var spec: AttachmentSpec
    /// How the volumes come to the workstation: empty not at all, `fuse` by sshfs, `sync` as copies, `auto` by sshfs or else as copies.
    package var mount: String
    /// The directory for them; empty lets the user daemon make one.
    package var mountPoint: String
    /// Nothing is to be written through the mount.
    package var mountReadOnly: Bool
    /// Where the user daemon makes the directory; empty leaves it to the daemon.
    package var mountsRoot: String
    /// Local ports that lead to the same ports of the pod.
    package var toPod: [PortSpec]
    /// Nobody waits until the volumes are there.
    package var mountBeside: Bool

    package init(
        spec: AttachmentSpec = AttachmentSpec(),
        mount: String = "",
        mountPoint: String = "",
        mountReadOnly: Bool = false,
        mountsRoot: String = "",
        toPod: [PortSpec] = [],
        mountBeside: Bool = false
    ) {
        self.spec = spec
        self.mount = mount
        self.mountPoint = mountPoint
        self.mountReadOnly = mountReadOnly
        self.mountsRoot = mountsRoot
        self.toPod = toPod
        self.mountBeside = mountBeside
    }

    /// Every field at its default.
    package init() {
        self.init(spec: AttachmentSpec())
    }

    package static let table = MessageTable(
        "InterceptRequest",
        [
            FieldRow(1, "spec", .message("AttachmentSpec")),
            FieldRow(6, "mount", .string),
            FieldRow(7, "mount_point", .string),
            FieldRow(8, "mount_read_only", .bool),
            FieldRow(9, "mounts_root", .string),
            FieldRow(10, "to_pod", .repeated(.message("PortSpec"))),
            FieldRow(13, "mount_beside", .bool),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.message(1, spec)
        writer.string(6, mount)
        writer.string(7, mountPoint)
        writer.bool(8, mountReadOnly)
        writer.string(9, mountsRoot)
        writer.message(10, toPod)
        writer.bool(13, mountBeside)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: spec = try reader.message(field)
            case 6: mount = try reader.string(field)
            case 7: mountPoint = try reader.string(field)
            case 8: mountReadOnly = try reader.bool(field)
            case 9: mountsRoot = try reader.string(field)
            case 10: toPod.append(try reader.message(field, repeated: true))
            case 13: mountBeside = try reader.bool(field)
            default: break
            }
        }
    }
}
