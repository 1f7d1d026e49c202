/// What became of the objects of an installation.
package struct InstallationOutcome: Sendable, Hashable {
    /// What happened to one object.
    package enum Change: String, Sendable, Hashable {
        case created, changed, unchanged, deleted
    }

    /// One object and what happened to it.
    package struct Entry: Sendable, Hashable {
        package let object: ObjectReference
        package let change: Change
    }

    /// The manager's namespace.
    package let namespace: String
    /// Counts the times that this installation was applied; 0 when it was removed.
    package var revision = 0
    /// In the order in which it happened.
    package var entries: [Entry] = []
    /// What was left, and other things to know.
    package var notes: [String] = []

    init(namespace: String) { self.namespace = namespace }

    mutating func add(_ object: ObjectReference, _ change: Change) {
        entries.append(Entry(object: object, change: change))
    }

    /// How many objects had this change.
    package func count(_ change: Change) -> Int { entries.count { $0.change == change } }
}
