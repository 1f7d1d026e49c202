import Foundation
package import Testing

/// Runs tests that wait in system calls on threads of their own.
///
/// The pool of Swift's concurrency has no more threads than the machine has cores: two tests that wait for a program would
/// hold up everything that the third one waits for.
package struct OwnThreads: SuiteTrait, TestTrait, TestScoping {
    package let isRecursive = true

    package func provideScope(
        for test: Test,
        testCase: Test.Case?,
        performing function: @concurrent @Sendable () async throws -> Void
    ) async throws {
        guard testCase != nil else { return try await function() }
        try await withTaskExecutorPreference(ThreadPerJob.shared) { try await function() }
    }
}

extension Trait where Self == OwnThreads {
    /// For tests that wait in system calls.
    package static var ownThreads: Self { OwnThreads() }
}

/// Gives each job a thread.
private final class ThreadPerJob: TaskExecutor {
    static let shared = ThreadPerJob()

    func enqueue(_ job: consuming ExecutorJob) {
        let job = UnownedJob(job)
        Thread.detachNewThread { job.runSynchronously(on: self.asUnownedTaskExecutor()) }
    }
}
