import Cluster

/// One column of a kind's table.
struct TableColumn: Sendable {
    /// The heading.
    let name: String
    /// `string`, `integer` or `date`.
    let type: String
    /// 0 is always shown, 1 with `-o wide`.
    let priority: Int
    /// The cell of an object.
    let cell: @Sendable (JSONValue) -> JSONValue

    /// A column of text.
    static func text(_ name: String, wide: Bool = false, _ cell: @escaping @Sendable (JSONValue) -> String) -> Self {
        TableColumn(name: name, type: "string", priority: wide ? 1 : 0) { .string(cell($0)) }
    }

    /// A column of numbers.
    static func number(_ name: String, wide: Bool = false, _ cell: @escaping @Sendable (JSONValue) -> Int?) -> Self {
        TableColumn(name: name, type: "integer", priority: wide ? 1 : 0) { .integer(Int64(cell($0) ?? 0)) }
    }

    /// The object's name.
    static let name = TableColumn(name: "Name", type: "string", priority: 0) { .string($0.name) }

    /// How long ago the object was made.
    static let age = TableColumn(name: "Age", type: "string", priority: 0) {
        .string(Age.since($0.at("metadata", "creationTimestamp")?.string))
    }

    /// As tables carry it; kubectl knows the name column by its format.
    var definition: JSONValue {
        [
            "name": .string(self.name), "type": .string(self.type),
            "format": .string(self.name == "Name" ? "name" : ""),
            "description": "", "priority": .integer(Int64(self.priority)),
        ]
    }
}
