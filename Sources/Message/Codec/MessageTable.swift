/// The fields of a message as data, so that a test can hold them against `proto-spec/messages.md`.
package struct MessageTable: Sendable, Hashable {
    /// Name of the message.
    package let name: String
    /// Exactly one of the fields is present.
    package let isChoice: Bool
    /// The fields in the order of their tags.
    package let rows: [FieldRow]

    package init(_ name: String, choice: Bool = false, _ rows: [FieldRow]) {
        self.name = name
        self.isChoice = choice
        self.rows = rows
    }
}
