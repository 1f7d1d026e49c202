/// Asks for a virtual interface with routes and a DNS hook.
package struct NetworkSetup: WireMessage {
    /// Start of the interface's name, such as tel.
    package var interfacePrefix: String
    /// Prefix that the interface takes its own address from.
    package var virtualSubnet: String
    /// Prefixes to route to it.
    package var routes: [String]
    /// Prefixes that must keep their present route.
    package var neverProxy: [String]
    /// Which names go to the cluster; absent means no hook.
    package var dns: DNSSetup?

    package init(
        interfacePrefix: String = "",
        virtualSubnet: String = "",
        routes: [String] = [],
        neverProxy: [String] = [],
        dns: DNSSetup? = nil
    ) {
        self.interfacePrefix = interfacePrefix
        self.virtualSubnet = virtualSubnet
        self.routes = routes
        self.neverProxy = neverProxy
        self.dns = dns
    }

    /// Every field at its default.
    package init() {
        self.init(interfacePrefix: "")
    }

    package static let table = MessageTable(
        "NetworkSetup",
        [
            FieldRow(1, "interface_prefix", .string),
            FieldRow(2, "virtual_subnet", .string),
            FieldRow(3, "routes", .repeated(.string)),
            FieldRow(4, "never_proxy", .repeated(.string)),
            FieldRow(5, "dns", .optional(.message("DNSSetup"))),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, interfacePrefix)
        writer.string(2, virtualSubnet)
        writer.string(3, routes)
        writer.string(4, neverProxy)
        writer.message(5, dns)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: interfacePrefix = try reader.string(field)
            case 2: virtualSubnet = try reader.string(field)
            case 3: routes.append(try reader.string(field, repeated: true))
            case 4: neverProxy.append(try reader.string(field, repeated: true))
            case 5: dns = try reader.message(field)
            default: break
            }
        }
    }
}
