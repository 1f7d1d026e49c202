package import Message

/// Which attachments are to end, or are not to be there at all, until the manager says that they are gone.
///
/// Pure. A link that breaks leaves open what the manager has heard: when the session is taken up again, it announces all that
/// it knows, and what nobody wants any more must not come back with that.
package struct AttachmentEndings: Sendable {
    private struct Name: Hashable {
        let name: String
        let namespace: String

        init(_ spec: AttachmentSpec) { (name, namespace) = (spec.name, spec.namespace) }
    }

    /// Those that the manager is to end, by id.
    package private(set) var ids: Set<String> = []
    /// What was asked for, and whose answer has not come.
    private var asked: [Name] = []
    /// What was asked for, and is not wanted any more, although the manager may have made it.
    private var unwanted: Set<Name> = []

    package init() {}

    /// It is to end.
    package mutating func begin(_ id: String) { ids.insert(id) }

    /// It is gone, or cannot be ended.
    package mutating func ended(_ id: String) { ids.remove(id) }

    /// Whether it is on its end.
    package func contains(_ id: String) -> Bool { ids.contains(id) }

    /// An attachment is asked for.
    package mutating func asks(for spec: AttachmentSpec) { asked.append(Name(spec)) }

    /// What was asked for is there.
    package mutating func made(_ spec: AttachmentSpec) {
        answered(spec)
        unwanted.remove(Name(spec))
    }

    /// What was asked for has failed; unless that is certain, the manager may make it nevertheless.
    package mutating func failed(_ spec: AttachmentSpec, isCertain: Bool) {
        answered(spec)
        if !isCertain { unwanted.insert(Name(spec)) }
    }

    private mutating func answered(_ spec: AttachmentSpec) {
        if let index = asked.firstIndex(of: Name(spec)) { asked.remove(at: index) }
    }

    /// Whether one that the manager announces was given up; not while one of its name is asked for again.
    package func isUnwanted(_ spec: AttachmentSpec) -> Bool {
        unwanted.contains(Name(spec)) && !asked.contains(Name(spec))
    }

    /// Whether two have the same name in the same namespace.
    package static func areNamedAlike(_ one: AttachmentSpec, _ other: AttachmentSpec) -> Bool {
        Name(one) == Name(other)
    }
}
