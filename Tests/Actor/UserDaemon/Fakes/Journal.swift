import Synchronization

/// What the fakes were asked to do, in order.
final class Journal: Sendable {
    private let kept = Mutex<[String]>([])

    var lines: [String] { kept.withLock { $0 } }

    func note(_ line: String) {
        kept.withLock { $0.append(line) }
    }

    /// How often a line is there.
    func count(_ line: String) -> Int { lines.count { $0 == line } }
}
