import Foundation
import Testing

@testable import CommandLine

/// Programs run for the user.
@Suite struct ChildProgramTests {
    @Test("A program can be ended by signals, whatever the thread blocks that starts it", arguments: [SIGTERM, SIGINT])
    func signals(number: Int32) async throws {
        let status = try await withCheckedThrowingContinuation {
            (continuation: CheckedContinuation<Int32, any Error>) in
            Thread.detachNewThread {
                var all = sigset_t()
                sigfillset(&all)
                pthread_sigmask(SIG_BLOCK, &all, nil)
                let program = ChildProgram(
                    arguments: ["/bin/sh", "-c", "kill -\(number) $$; exit 3"],
                    environment: [:]
                )
                var pid: pid_t = 0
                do { pid = try program.spawn() } catch { return continuation.resume(throwing: error) }
                var status: Int32 = 0
                while waitpid(pid, &status, 0) < 0, errno == EINTR {}
                continuation.resume(returning: status)
            }
        }
        #expect(status & 0x7f == number)
    }
}
