import Glibc
import Kernel

/// Ctrl-C while something is being waited for: the wait ends, what was begun is undone, and the exit status is 130.
package struct Interruption {
    private enum Outcome<Value: Sendable>: Sendable {
        case value(Value)
        case signal(CInt)
        case nothing
    }

    package init() {}

    /// Runs `body`; on SIGINT or SIGTERM cancels it, runs `then` and throws.
    package func unless<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value,
        then undo: @escaping @Sendable () async -> Void
    ) async throws -> Value {
        let signals = Signals(SIGINT, SIGTERM)
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
