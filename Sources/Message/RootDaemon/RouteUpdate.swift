/// Replaces the routes.
package struct RouteUpdate: WireMessage {
    /// Prefixes to route to the interface.
    package var routes: [String]

    package init(
        routes: [String] = []
    ) {
        self.routes = routes
    }

    /// Every field at its default.
    package init() {
        self.init(routes: [])
    }

    package static let table = MessageTable(
        "RouteUpdate",
        [
            FieldRow(1, "routes", .repeated(.string))
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, routes)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: routes.append(try reader.string(field, repeated: true))
            default: break
            }
        }
    }
}
