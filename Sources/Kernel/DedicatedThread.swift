package import Glibc
import Synchronization

/// Operating-system threads of our own, for work that changes a thread's namespaces or blocks for long.
package enum DedicatedThread {
    private final class Work: Sendable {
        let body: @Sendable () -> Void
        init(_ body: @escaping @Sendable () -> Void) { self.body = body }
    }

    private final class Outcome<Value: Sendable>: Sendable {
        let result = Mutex<Result<Value, SystemError>?>(nil)
    }

    /// Runs the body on a new thread and waits for it.
    ///
    /// Blocks the caller: meant for short work.
    package static func run<Value: Sendable>(
        _ body: @escaping @Sendable () throws(SystemError) -> Value
    ) throws(SystemError) -> Value {
        let outcome = Outcome<Value>()
        let thread = try start {
            let result: Result<Value, SystemError>
            do throws(SystemError) {
                result = .success(try body())
            } catch {
                result = .failure(error)
            }
            outcome.result.withLock { $0 = result }
        }
        join(thread)
        guard let result = outcome.result.withLock({ $0 }) else { throw SystemError("thread", code: EAGAIN) }
        return try result.get()
    }

    /// Starts a thread that the caller joins.
    package static func start(_ body: @escaping @Sendable () -> Void) throws(SystemError) -> pthread_t {
        let work = Unmanaged.passRetained(Work(body))
        var thread = pthread_t()
        let code = pthread_create(
            &thread,
            nil,
            { argument in
                if let argument = argument {
                    Unmanaged<Work>.fromOpaque(argument).takeRetainedValue().body()
                }
                return nil
            },
            work.toOpaque()
        )
        guard code == 0 else {
            work.release()
            throw SystemError("start thread", code: code)
        }
        return thread
    }

    /// Waits until the thread has ended.
    package static func join(_ thread: pthread_t) {
        _ = pthread_join(thread, nil)
    }
}
