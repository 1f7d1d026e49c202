package import Cluster
import Synchronization

/// One change of one object, as watchers see it.
package struct WatchEvent: Sendable {
    /// What happened.
    package enum Change: String, Sendable {
        case added = "ADDED"
        case modified = "MODIFIED"
        case deleted = "DELETED"
    }

    /// What happened to the object.
    package let change: Change
    /// The object's kind.
    package let kind: ResourceKind
    /// The object after the change; when deleted, as it was last.
    package let object: JSONValue
    /// The object before the change, if there was one.
    package let previous: JSONValue?
    /// The store's version that the change made.
    package let version: UInt64

    private let line: Line

    init(change: Change, kind: ResourceKind, object: JSONValue, previous: JSONValue?, version: UInt64) {
        self.init(
            change: change,
            kind: kind,
            object: object,
            previous: previous,
            version: version,
            line: Line()
        )
    }

    private init(
        change: Change,
        kind: ResourceKind,
        object: JSONValue,
        previous: JSONValue?,
        version: UInt64,
        line: Line
    ) {
        self.change = change
        self.kind = kind
        self.object = object
        self.previous = previous
        self.version = version
        self.line = line
    }

    /// The same event with another change, for a watcher whose selector the object entered or left.
    func seen(as change: Change) -> WatchEvent {
        guard change != self.change else { return self }
        return WatchEvent(
            change: change,
            kind: self.kind,
            object: self.object,
            previous: self.previous,
            version: self.version
        )
    }

    /// The event as one line of a watch's answer; made once for all watchers.
    package var encoded: [UInt8] {
        self.line.bytes.withLock { bytes in
            if let bytes { return bytes }
            let made =
                JSONValue.object(["type": .string(self.change.rawValue), "object": self.object]).serialized() + [10]
            bytes = made
            return made
        }
    }

    /// The encoded form, shared by the copies of an event.
    private final class Line: Sendable {
        let bytes = Mutex<[UInt8]?>(nil)
    }
}
