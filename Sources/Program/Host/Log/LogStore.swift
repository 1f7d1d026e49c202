import DequeModule
import Glibc
import Kernel
package import Logging
package import Message
import Synchronization

/// What a program has logged: the last lines, for whoever asks for them, and the level, which may be changed at any time.
///
/// Concurrency model: lines are behind a mutex, the level is atomic, so that what is not logged costs one load. Followers
/// that do not read lose old lines, never hold up the program.
package final class LogStore: Sendable {
    /// That of this process.
    package static let shared = LogStore()

    private struct State {
        var lines: Deque<LogLine> = []
        var bytes = 0
        var notes: Deque<ErrorNote> = []
        var lastNote: UInt64 = 0
        var followers: [UInt64: AsyncStream<LogLine>.Continuation] = [:]
        var lastFollower: UInt64 = 0
        /// The level that comes back when a temporary one ends.
        var lasting = Logger.Level.info
        var change: UInt64 = 0
    }

    /// Warnings and errors that are kept for the status.
    private static let noteLimit = 32
    /// Lines that wait for one follower at most.
    private static let followerLimit = 1024

    private let limit: Int
    private let echo: Bool
    private let level = Atomic<Int>(LogStore.rank(.info))
    private let state = Mutex(State())

    /// Makes a store that keeps about `limit` bytes; with `echo` lines go to standard error, too.
    package init(limit: Int = 512 << 10, echo: Bool = true) {
        self.limit = limit
        self.echo = echo
    }

    /// A logger that writes here.
    package func logger(_ label: String) -> Logger {
        Logger(label: label) { StoredLogHandler(label: $0, store: self) }
    }

    // MARK: lines

    /// Takes a line in.
    package func append(_ level: Logger.Level, label: String, _ text: String) {
        let line = LogLine(
            at: WallClock.milliseconds,
            level: level.rawValue,
            label: label,
            text: SecretFilter.clean(text)
        )
        state.withLock { state in
            state.lines.append(line)
            state.bytes += Self.size(line)
            while state.bytes > limit, state.lines.count > 1 {
                state.bytes -= Self.size(state.lines.removeFirst())
            }
            if level >= .warning {
                state.lastNote += 1
                if state.notes.count == Self.noteLimit { state.notes.removeFirst() }
                state.notes.append(
                    ErrorNote(sequence: state.lastNote, at: line.at, level: line.level, text: line.text)
                )
            }
            for follower in state.followers.values { follower.yield(line) }
        }
        if echo { Self.write(line) }
    }

    /// The last warnings and errors, oldest first.
    package var notes: [ErrorNote] { state.withLock { Array($0.notes) } }

    /// What is kept and asked for, and, where the request wants to follow, all that comes: no line is lost in between.
    package func read(_ request: LogRequest) -> (kept: [LogLine], coming: AsyncStream<LogLine>?) {
        state.withLock { state in
            var kept = Array(state.lines)
            if request.sinceMilliseconds > 0 {
                let now = WallClock.milliseconds
                let first = now > request.sinceMilliseconds ? now - request.sinceMilliseconds : 0
                kept = Array(kept.drop { $0.at < first })
            }
            if request.tail > 0 { kept = Array(kept.suffix(Int(request.tail))) }
            guard request.follow else { return (kept, nil) }
            state.lastFollower += 1
            let ticket = state.lastFollower
            let (stream, continuation) = AsyncStream.makeStream(
                of: LogLine.self,
                bufferingPolicy: .bufferingNewest(Self.followerLimit)
            )
            state.followers[ticket] = continuation
            // Not at once: the reader's cancellation holds a lock of its task, which `yield` wants under ours.
            continuation.onTermination = { [weak self] _ in
                Task.detached { self?.state.withLock { _ = $0.followers.removeValue(forKey: ticket) } }
            }
            return (kept, stream)
        }
    }

    // MARK: level

    /// The least level that is logged at present.
    package var currentLevel: Logger.Level {
        Logger.Level.allCases[level.load(ordering: .relaxed)]
    }

    /// Logs from now on at this level, and has it as the one that comes back.
    package func setLastingLevel(_ new: Logger.Level) {
        state.withLock { state in
            state.lasting = new
            state.change += 1
            level.store(Self.rank(new), ordering: .relaxed)
        }
    }

    /// Changes the level; after `duration` the lasting one comes back, unless another change was made meanwhile.
    ///
    /// - Parameters:
    ///   - new: the level.
    ///   - duration: how long; nil makes it the lasting one.
    /// - Returns: The level before.
    @discardableResult
    package func setLevel(_ new: Logger.Level, for duration: Duration?) -> Logger.Level {
        let former = currentLevel
        guard let duration else {
            setLastingLevel(new)
            return former
        }
        let change = state.withLock { state in
            state.change += 1
            level.store(Self.rank(new), ordering: .relaxed)
            return state.change
        }
        Task { [weak self] in
            try? await Task.sleep(for: duration)
            self?.restore(after: change)
        }
        return former
    }

    private func restore(after change: UInt64) {
        let restored = state.withLock { state -> Logger.Level? in
            guard state.change == change else { return nil }
            level.store(Self.rank(state.lasting), ordering: .relaxed)
            return state.lasting
        }
        if let restored { append(.notice, label: "log", "level restored level=\(restored)") }
    }

    private static func rank(_ level: Logger.Level) -> Int { Logger.Level.allCases.firstIndex(of: level) ?? 0 }

    private static func size(_ line: LogLine) -> Int { line.text.utf8.count + 64 }

    private static func write(_ line: LogLine) {
        let bytes = Array("\(line.display)\n".utf8)
        _ = bytes.withUnsafeBytes { Glibc.write(STDERR_FILENO, $0.baseAddress, $0.count) }
    }
}

extension LogLine {
    /// As a log file has it.
    package var display: String { "\(WallClock.text(at)) \(level) \(label): \(text)" }
}
