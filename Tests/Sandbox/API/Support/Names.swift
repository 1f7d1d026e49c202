import Synchronization

/// Collects texts from anywhere.
final class Names: Sendable {
    private let list = Mutex<[String]>([])

    var all: [String] { self.list.withLock { $0 } }

    func add(_ name: String) { self.list.withLock { $0.append(name) } }
}
