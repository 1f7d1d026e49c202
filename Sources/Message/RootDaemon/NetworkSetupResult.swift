/// What was made; the descriptors are fetched with the token over a second socket.
package struct NetworkSetupResult: WireMessage {
    /// Shown on the descriptor socket; works once.
    package var token: [UInt8]
    /// Name of the virtual interface.
    package var interface: String
    /// How cluster names reach the user daemon.
    package var dnsHook: String
    /// The kind of each descriptor, in order.
    package var descriptors: [String]
    /// Resolvers that the workstation uses for everything else.
    package var nameservers: [String]
    /// What does not work, for people.
    package var warnings: [String]

    package init(
        token: [UInt8] = [],
        interface: String = "",
        dnsHook: String = "",
        descriptors: [String] = [],
        nameservers: [String] = [],
        warnings: [String] = []
    ) {
        self.token = token
        self.interface = interface
        self.dnsHook = dnsHook
        self.descriptors = descriptors
        self.nameservers = nameservers
        self.warnings = warnings
    }

    /// Every field at its default.
    package init() {
        self.init(token: [])
    }

    package static let table = MessageTable(
        "NetworkSetupResult",
        [
            FieldRow(1, "token", .bytes),
            FieldRow(2, "interface", .string),
            FieldRow(3, "dns_hook", .string),
            FieldRow(4, "descriptors", .repeated(.string)),
            FieldRow(5, "nameservers", .repeated(.string)),
            FieldRow(6, "warnings", .repeated(.string)),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.bytes(1, token)
        writer.string(2, interface)
        writer.string(3, dnsHook)
        writer.string(4, descriptors)
        writer.string(5, nameservers)
        writer.string(6, warnings)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: token = try reader.bytes(field)
            case 2: interface = try reader.string(field)
            case 3: dnsHook = try reader.string(field)
            case 4: descriptors.append(try reader.string(field, repeated: true))
            case 5: nameservers.append(try reader.string(field, repeated: true))
            case 6: warnings.append(try reader.string(field, repeated: true))
            default: break
            }
        }
    }
}
