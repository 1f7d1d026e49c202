/// One port of an attachment, as found in the cluster.
package struct ResolvedPort: WireMessage {
    /// Name of the container that serves the port.
    package var container: String
    /// Port that the container listens on.
    package var containerPort: UInt16
    /// Transport protocol.
    package var `protocol`: PortProtocol
    /// Name of the service.
    package var serviceName: String
    /// Name of the service port; may be empty.
    package var servicePortName: String
    /// Number of the service port.
    package var servicePort: UInt16
    /// Address on the workstation that serves it.
    package var localAddress: String
    /// Port on the workstation.
    package var localPort: UInt16

    package init(
        container: String = "",
        containerPort: UInt16 = 0,
        protocol: PortProtocol = .unknown,
        serviceName: String = "",
        servicePortName: String = "",
        servicePort: UInt16 = 0,
        localAddress: String = "",
        localPort: UInt16 = 0
    ) {
        self.container = container
        self.containerPort = containerPort
        self.protocol = `protocol`
        self.serviceName = serviceName
        self.servicePortName = servicePortName
        self.servicePort = servicePort
        self.localAddress = localAddress
        self.localPort = localPort
    }

    /// Every field at its default.
    package init() {
        self.init(container: "")
    }

    package static let table = MessageTable(
        "ResolvedPort",
        [
            FieldRow(1, "container", .string),
            FieldRow(2, "container_port", .unsigned(bits: 16)),
            FieldRow(3, "protocol", .enumeration("PortProtocol")),
            FieldRow(4, "service_name", .string),
            FieldRow(5, "service_port_name", .string),
            FieldRow(6, "service_port", .unsigned(bits: 16)),
            FieldRow(7, "local_address", .string),
            FieldRow(8, "local_port", .unsigned(bits: 16)),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, container)
        writer.unsigned(2, containerPort)
        writer.enumeration(3, `protocol`)
        writer.string(4, serviceName)
        writer.string(5, servicePortName)
        writer.unsigned(6, servicePort)
        writer.string(7, localAddress)
        writer.unsigned(8, localPort)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: container = try reader.string(field)
            case 2: containerPort = try reader.unsigned(field)
            case 3: `protocol` = try reader.enumeration(field)
            case 4: serviceName = try reader.string(field)
            case 5: servicePortName = try reader.string(field)
            case 6: servicePort = try reader.unsigned(field)
            case 7: localAddress = try reader.string(field)
            case 8: localPort = try reader.unsigned(field)
            default: break
            }
        }
    }
}
