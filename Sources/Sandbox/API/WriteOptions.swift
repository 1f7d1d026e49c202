/// What a request to write says beside the object.
package struct WriteOptions: Sendable {
    /// Answer as if, but change nothing.
    package var dryRun = false
    /// Who owns the fields that are written; empty notes nothing.
    package var fieldManager = ""
    /// Whether an apply takes fields away from other managers.
    package var force = false

    /// The usual: write, note no owner.
    package init(dryRun: Bool = false, fieldManager: String = "", force: Bool = false) {
        self.dryRun = dryRun
        self.fieldManager = fieldManager
        self.force = force
    }
}
