import Kernel
import Synchronization

/// What the root daemon has to take away again.
///
/// Each entry is told to the janitor before the thing is made.
///
/// Concurrency model: safe from any thread.
final class UndoList: Sendable {
    private let entries = Mutex<[UndoEntry]>([])
    private let journal: @Sendable (String) -> Void

    /// `journal` gets a line per change.
    init(journal: @escaping @Sendable (String) -> Void) {
        self.journal = journal
    }

    /// Notes a thing that is about to be made.
    func add(_ entry: UndoEntry) {
        journal("+ \(entry)")
        entries.withLock { $0.append(entry) }
    }

    /// Takes one thing away.
    func undo(_ entry: UndoEntry, _ netlink: RouteSocket) {
        entry.undo(netlink)
        entries.withLock { entries in entries.removeAll { $0 == entry } }
        journal("- \(entry)")
    }

    /// Takes everything away, the newest first.
    func undoAll() {
        guard let netlink = try? RouteSocket() else { return }
        for entry in entries.withLock({ $0 }).reversed() { undo(entry, netlink) }
    }
}
