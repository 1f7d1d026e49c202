/// One field of a ``MessageTable``.
package struct FieldRow: Sendable, Hashable {
    /// Number of the field on the wire.
    package let tag: UInt64
    /// Its name in `proto-spec/messages.md`.
    package let name: String
    /// How its bytes are read.
    package let kind: FieldKind

    package init(_ tag: UInt64, _ name: String, _ kind: FieldKind) {
        self.tag = tag
        self.name = name
        self.kind = kind
    }
}
