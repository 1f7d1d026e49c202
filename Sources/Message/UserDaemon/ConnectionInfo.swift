/// A connection as it is.
package struct ConnectionInfo: WireMessage {
    /// Name of the connection.
    package var name: String
    /// Context in the kubeconfig.
    package var context: String
    /// Address of the API server.
    package var server: String
    /// Namespace of the connection.
    package var namespace: String
    /// Namespace of the traffic manager.
    package var managerNamespace: String
    /// Version of the traffic manager.
    package var managerVersion: String
    /// The session in the manager.
    package var sessionID: String
    /// Prefixes of service addresses.
    package var serviceSubnets: [String]
    /// Prefixes of pod addresses.
    package var podSubnets: [String]
    /// Address of the cluster's DNS service.
    package var dnsAddress: String
    /// Such as cluster.local.
    package var clusterDomain: String
    /// How the manager is reached: port-forward or direct.
    package var link: String
    /// The connection was there before the request.
    package var alreadyConnected: Bool
    /// It has an own network namespace.
    package var isolated: Bool
    /// Process that holds the namespaces of isolated mode; 0 if there is none.
    package var holderPID: UInt32
    /// Name of the virtual interface.
    package var interface: String
    /// How cluster names reach the daemon.
    package var dnsHook: String
    /// What does not work, for people.
    package var warnings: [String]

    package init(
        name: String = "",
        context: String = "",
        server: String = "",
        namespace: String = "",
        managerNamespace: String = "",
        managerVersion: String = "",
        sessionID: String = "",
        serviceSubnets: [String] = [],
        podSubnets: [String] = [],
        dnsAddress: String = "",
        clusterDomain: String = "",
        link: String = "",
        alreadyConnected: Bool = false,
        isolated: Bool = false,
        holderPID: UInt32 = 0,
        interface: String = "",
        dnsHook: String = "",
        warnings: [String] = []
    ) {
        self.name = name
        self.context = context
        self.server = server
        self.namespace = namespace
        self.managerNamespace = managerNamespace
        self.managerVersion = managerVersion
        self.sessionID = sessionID
        self.serviceSubnets = serviceSubnets
        self.podSubnets = podSubnets
        self.dnsAddress = dnsAddress
        self.clusterDomain = clusterDomain
        self.link = link
        self.alreadyConnected = alreadyConnected
        self.isolated = isolated
        self.holderPID = holderPID
        self.interface = interface
        self.dnsHook = dnsHook
        self.warnings = warnings
    }

    /// Every field at its default.
    package init() {
        self.init(name: "")
    }

    package static let table = MessageTable(
        "ConnectionInfo",
        [
            FieldRow(1, "name", .string),
            FieldRow(2, "context", .string),
            FieldRow(3, "server", .string),
            FieldRow(4, "namespace", .string),
            FieldRow(5, "manager_namespace", .string),
            FieldRow(6, "manager_version", .string),
            FieldRow(7, "session_id", .string),
            FieldRow(8, "service_subnets", .repeated(.string)),
            FieldRow(9, "pod_subnets", .repeated(.string)),
            FieldRow(10, "dns_address", .string),
            FieldRow(11, "cluster_domain", .string),
            FieldRow(12, "link", .string),
            FieldRow(13, "already_connected", .bool),
            FieldRow(14, "isolated", .bool),
            FieldRow(15, "holder_pid", .unsigned(bits: 32)),
            FieldRow(16, "interface", .string),
            FieldRow(17, "dns_hook", .string),
            FieldRow(18, "warnings", .repeated(.string)),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, name)
        writer.string(2, context)
        writer.string(3, server)
        writer.string(4, namespace)
        writer.string(5, managerNamespace)
        writer.string(6, managerVersion)
        writer.string(7, sessionID)
        writer.string(8, serviceSubnets)
        writer.string(9, podSubnets)
        writer.string(10, dnsAddress)
        writer.string(11, clusterDomain)
        writer.string(12, link)
        writer.bool(13, alreadyConnected)
        writer.bool(14, isolated)
        writer.unsigned(15, holderPID)
        writer.string(16, interface)
        writer.string(17, dnsHook)
        writer.string(18, warnings)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: name = try reader.string(field)
            case 2: context = try reader.string(field)
            case 3: server = try reader.string(field)
            case 4: namespace = try reader.string(field)
            case 5: managerNamespace = try reader.string(field)
            case 6: managerVersion = try reader.string(field)
            case 7: sessionID = try reader.string(field)
            case 8: serviceSubnets.append(try reader.string(field, repeated: true))
            case 9: podSubnets.append(try reader.string(field, repeated: true))
            case 10: dnsAddress = try reader.string(field)
            case 11: clusterDomain = try reader.string(field)
            case 12: link = try reader.string(field)
            case 13: alreadyConnected = try reader.bool(field)
            case 14: isolated = try reader.bool(field)
            case 15: holderPID = try reader.unsigned(field)
            case 16: interface = try reader.string(field)
            case 17: dnsHook = try reader.string(field)
            case 18: warnings.append(try reader.string(field, repeated: true))
            default: break
            }
        }
    }
}
