/// Where an agent takes direct links.
package struct AgentPlace: WireMessage {
    /// Its pod, in the namespace of the workload.
    package var podName: String
    /// The port, on the pod's loopback address.
    package var linkPort: UInt16

    package init(
        podName: String = "",
        linkPort: UInt16 = 0
    ) {
        self.podName = podName
        self.linkPort = linkPort
    }

    /// Every field at its default.
    package init() {
        self.init(podName: "")
    }

    package static let table = MessageTable(
        "AgentPlace",
        [
            FieldRow(1, "pod_name", .string),
            FieldRow(2, "link_port", .unsigned(bits: 16)),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, podName)
        writer.unsigned(2, linkPort)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: podName = try reader.string(field)
            case 2: linkPort = try reader.unsigned(field)
            default: break
            }
        }
    }
}
