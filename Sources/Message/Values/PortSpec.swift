/// One port that an attachment wants.
package struct PortSpec: WireMessage {
    /// Name or number of the service port; empty means the only one there is.
    package var remote: String
    /// Unknown means whatever the service port says.
    package var `protocol`: PortProtocol
    /// Address on the workstation that serves it; empty means 127.0.0.1.
    package var localAddress: String
    /// Port on the workstation; 0 means the same as the container port.
    package var localPort: UInt16

    package init(
        remote: String = "",
        protocol: PortProtocol = .unknown,
        localAddress: String = "",
        localPort: UInt16 = 0
    ) {
        self.remote = remote
        self.protocol = `protocol`
        self.localAddress = localAddress
        self.localPort = localPort
    }

    /// Every field at its default.
    package init() {
        self.init(remote: "")
    }

    package static let table = MessageTable(
        "PortSpec",
        [
            FieldRow(1, "remote", .string),
            FieldRow(2, "protocol", .enumeration("PortProtocol")),
            FieldRow(3, "local_address", .string),
            FieldRow(4, "local_port", .unsigned(bits: 16)),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, remote)
        writer.enumeration(2, `protocol`)
        writer.string(3, localAddress)
        writer.unsigned(4, localPort)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: remote = try reader.string(field)
            case 2: `protocol` = try reader.enumeration(field)
            case 3: localAddress = try reader.string(field)
            case 4: localPort = try reader.unsigned(field)
            default: break
            }
        }
    }
}
