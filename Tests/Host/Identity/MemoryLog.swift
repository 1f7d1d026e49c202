import Logging
import Synchronization

/// Keeps what is logged as metadata, for tests of the audit log.
final class MemoryLog: Sendable {
    private let lines = Mutex<[[String: String]]>([])

    private struct Handler: LogHandler {
        let log: MemoryLog
        var metadata: Logger.Metadata = [:]
        var logLevel = Logger.Level.info

        subscript(metadataKey key: String) -> Logger.Metadata.Value? {
            get { metadata[key] }
            set { metadata[key] = newValue }
        }

        func log(event: LogEvent) {
            log.lines.withLock { $0.append((event.metadata ?? [:]).mapValues { "\($0)" }) }
        }
    }

    var logger: Logger { Logger(label: "audit") { _ in Handler(log: self) } }
    var all: [[String: String]] { lines.withLock { $0 } }
}
