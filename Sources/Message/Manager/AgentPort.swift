/// A port that an agent forwards.
package struct AgentPort: WireMessage {
    /// Name of the container.
    package var container: String
    /// Port that the container listens on.
    package var containerPort: UInt16
    /// Port that the agent listens on.
    package var agentPort: UInt16
    /// Transport protocol.
    package var `protocol`: PortProtocol
    /// Name of the service.
    package var serviceName: String
    /// Name of the service port; may be empty.
    package var servicePortName: String
    /// Number of the service port.
    package var servicePort: UInt16
    /// Name of the container port; may be empty.
    package var portName: String

    package init(
        container: String = "",
        containerPort: UInt16 = 0,
        agentPort: UInt16 = 0,
        protocol: PortProtocol = .unknown,
        serviceName: String = "",
        servicePortName: String = "",
        servicePort: UInt16 = 0,
        portName: String = ""
    ) {
        self.container = container
        self.containerPort = containerPort
        self.agentPort = agentPort
        self.protocol = `protocol`
        self.serviceName = serviceName
        self.servicePortName = servicePortName
        self.servicePort = servicePort
        self.portName = portName
    }

    /// Every field at its default.
    package init() {
        self.init(container: "")
    }

    package static let table = MessageTable(
        "AgentPort",
        [
            FieldRow(1, "container", .string),
            FieldRow(2, "container_port", .unsigned(bits: 16)),
            FieldRow(3, "agent_port", .unsigned(bits: 16)),
            FieldRow(4, "protocol", .enumeration("PortProtocol")),
            FieldRow(5, "service_name", .string),
            FieldRow(6, "service_port_name", .string),
            FieldRow(7, "service_port", .unsigned(bits: 16)),
            FieldRow(8, "port_name", .string),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, container)
        writer.unsigned(2, containerPort)
        writer.unsigned(3, agentPort)
        writer.enumeration(4, `protocol`)
        writer.string(5, serviceName)
        writer.string(6, servicePortName)
        writer.unsigned(7, servicePort)
        writer.string(8, portName)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: container = try reader.string(field)
            case 2: containerPort = try reader.unsigned(field)
            case 3: agentPort = try reader.unsigned(field)
            case 4: `protocol` = try reader.enumeration(field)
            case 5: serviceName = try reader.string(field)
            case 6: servicePortName = try reader.string(field)
            case 7: servicePort = try reader.unsigned(field)
            case 8: portName = try reader.string(field)
            default: break
            }
        }
    }
}
