/// What a workstation needs to know about the cluster's network.
package struct ClusterInfo: WireMessage {
    /// Prefixes of service addresses, such as 10.96.0.0/16.
    package var serviceSubnets: [String]
    /// Prefixes of pod addresses.
    package var podSubnets: [String]
    /// Address of the cluster's DNS service.
    package var dnsAddress: String
    /// Such as cluster.local.
    package var clusterDomain: String
    /// Names of the namespaces, sorted.
    package var namespaces: [String]
    /// Where the manager's links are reached without the API server: host:port, best first.
    package var directAddresses: [String]
    /// What is wrong in the cluster that users must know of.
    package var warnings: [String]

    package init(
        serviceSubnets: [String] = [],
        podSubnets: [String] = [],
        dnsAddress: String = "",
        clusterDomain: String = "",
        namespaces: [String] = [],
        directAddresses: [String] = [],
        warnings: [String] = []
    ) {
        self.serviceSubnets = serviceSubnets
        self.podSubnets = podSubnets
        self.dnsAddress = dnsAddress
        self.clusterDomain = clusterDomain
        self.namespaces = namespaces
        self.directAddresses = directAddresses
        self.warnings = warnings
    }

    /// Every field at its default.
    package init() {
        self.init(serviceSubnets: [])
    }

    package static let table = MessageTable(
        "ClusterInfo",
        [
            FieldRow(1, "service_subnets", .repeated(.string)),
            FieldRow(2, "pod_subnets", .repeated(.string)),
            FieldRow(3, "dns_address", .string),
            FieldRow(4, "cluster_domain", .string),
            FieldRow(5, "namespaces", .repeated(.string)),
            FieldRow(6, "direct_addresses", .repeated(.string)),
            FieldRow(7, "warnings", .repeated(.string)),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, serviceSubnets)
        writer.string(2, podSubnets)
        writer.string(3, dnsAddress)
        writer.string(4, clusterDomain)
        writer.string(5, namespaces)
        writer.string(6, directAddresses)
        writer.string(7, warnings)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: serviceSubnets.append(try reader.string(field, repeated: true))
            case 2: podSubnets.append(try reader.string(field, repeated: true))
            case 3: dnsAddress = try reader.string(field)
            case 4: clusterDomain = try reader.string(field)
            case 5: namespaces.append(try reader.string(field, repeated: true))
            case 6: directAddresses.append(try reader.string(field, repeated: true))
            case 7: warnings.append(try reader.string(field, repeated: true))
            default: break
            }
        }
    }
}
