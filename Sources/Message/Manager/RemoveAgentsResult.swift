/// What became of the agents.
package struct RemoveAgentsResult: WireMessage {
    /// The workloads that have no agent any more, as kind/name.
    package var removed: [String]
    /// Why the others have, as kind/name: reason.
    package var problems: [String]

    package init(
        removed: [String] = [],
        problems: [String] = []
    ) {
        self.removed = removed
        self.problems = problems
    }

    /// Every field at its default.
    package init() {
        self.init(removed: [])
    }

    package static let table = MessageTable(
        "RemoveAgentsResult",
        [
            FieldRow(1, "removed", .repeated(.string)),
            FieldRow(2, "problems", .repeated(.string)),
        ]
    )

    package func encode(to writer: inout FieldWriter) {
        writer.string(1, removed)
        writer.string(2, problems)
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self.init()
        while let field = try reader.next() {
            switch field.tag {
            case 1: removed.append(try reader.string(field, repeated: true))
            case 2: problems.append(try reader.string(field, repeated: true))
            default: break
            }
        }
    }
}
