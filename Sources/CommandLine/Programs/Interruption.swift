import Foundation
import Synchronization

/// Ctrl-C while something is being waited for: the wait ends, what was begun is undone, and the exit status is 130.
package struct Interruption {
    package init() {}

    /// Runs `body`; on SIGINT or SIGTERM cancels it, runs `then` and throws.
    package func unless<Value: Sendable>(
        _ body: @escaping @Sendable () async throws -> Value,
        then undo: @escaping @Sendable () async -> Void
    ) async throws -> Value {
        let (signals, continuation) = AsyncStream.makeStream(of: Int32.self)
        let caught = Mutex<Int32?>(nil)
        let sources = [SIGINT, SIGTERM].map { number in
            signal(number, SIG_IGN)
            let source = DispatchSource.makeSignalSource(signal: number, queue: .global())
            source.setEventHandler {
                caught.withLock { $0 = number }
                continuation.yield(number)
            }
            source.resume()
            return source
        }
        defer {
            sources.forEach { $0.cancel() }
            signal(SIGINT, SIG_DFL)
            signal(SIGTERM, SIG_DFL)
        }
        return try await withThrowingTaskGroup(of: Value?.self) { group in
            group.addTask { try await body() }
            group.addTask {
                for await number in signals {
                    throw CommandError("interrupted", exitCode: 128 + number)
                }
                return nil
            }
            do {
                while let result = try await group.next() {
                    if let value = result {
                        group.cancelAll()
                        // It may have come when the value was there already: it must not be lost.
                        if let number = caught.withLock({ $0 }) {
                            throw CommandError("interrupted", exitCode: 128 + number)
                        }
                        return value
                    }
                }
                throw CommandError("interrupted", exitCode: 130)
            } catch let error as CommandError where error.exitCode > 128 {
                group.cancelAll()
                await undo()
                throw error
            }
        }
    }
}
