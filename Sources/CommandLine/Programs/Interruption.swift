import Glibc
package import Kernel

/// Ctrl-C while something is being waited for: the wait ends, what was begun is undone, and the exit status is 130.
///
/// SIGTERM and SIGHUP do the same, with exit statuses of their own.
package struct Interruption {
    private enum Outcome<Value: Sendable>: Sendable {
        case value(Value)
        case signal(CInt)
        case nothing
    }

    package init() {}

    /// Keeps signals from ending the process between one who listens to them and the next.
    ///
    /// A signal does what it does when it is delivered, which on a busy machine is later than all that its sender does next: whoever
    /// stops to listen, because what Ctrl-C has ended is over, could be ended by that very Ctrl-C, with nothing undone.
    ///
    /// - Returns: To be released by ``release(_:)``, or never.
    package static func hold() -> Signals { Signals(SIGINT, SIGTERM, SIGHUP) }

    /// Signals end the process again, but for those that are on their way.
    package static func release(_ held: Signals) {
        Task {
            try? await Task.sleep(for: .milliseconds(500))
            held.end()
        }
    }

    /// Runs `body`; on SIGINT, SIGTERM or SIGHUP cancels it, runs `then` and throws.
    package func unless<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value,
        then undo: @escaping @Sendable () async -> Void
    ) async throws -> Value {
        let signals = Signals(SIGINT, SIGTERM, SIGHUP)
        defer { signals.end() }
        return try await withThrowingTaskGroup(of: Outcome<Value>.self) { group in
            group.addTask { .value(try await body()) }
            group.addTask { await signals.first().map { .signal($0) } ?? .nothing }
            var value: Value?
            while let outcome = try await group.next() {
                group.cancelAll()
                switch outcome {
                // A signal may have come when the value was there already: it must not be lost.
                case .value(let made): value = made
                case .signal(let number):
                    await undo()
                    throw CommandError("interrupted", exitCode: 128 + number)
                case .nothing: break
                }
            }
            guard let value else { throw CommandError("interrupted", exitCode: 130) }
            return value
        }
    }
}
