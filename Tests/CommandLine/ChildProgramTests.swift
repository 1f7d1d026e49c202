import Foundation
import Synchronization
import TestSupport
import Testing

@testable import CommandLine

/// They take the process's signals: one after another.
@Suite("-- CMD", .ownThreads, .serialized, .timeLimit(.minutes(2))) struct ChildProgramTests {
    private func child(_ script: String) -> ChildProgram {
        ChildProgram(arguments: ["sh", "-c", script], environment: ProcessInfo.processInfo.environment)
    }

    @Test("its exit status is returned, or that of the signal that ended it")
    func status() async throws {
        #expect(try await child("exit 7").run() == 7)
        #expect(try await child("kill -9 $$").run() == 137)
    }

    @Test("what is not there is told as a shell tells it")
    func missing() async {
        let program = ChildProgram(arguments: ["/no/such/program"], environment: [:])
        let error = await #expect(throws: CommandError.self) { try await program.run() }
        #expect(error?.exitCode == 127)
        #expect(error?.message.contains("/no/such/program") == true)
    }

    @Test("it is told to end by SIGTERM, and may do so in its own way")
    func ended() async throws {
        let ready = FileManager.default.temporaryDirectory.appending(path: "child-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: ready) }
        let script = "trap 'exit 5' TERM; : > \(ready); while :; do sleep 0.05; done"
        let status = try await child(script).run(patience: .seconds(60)) {
            while access(ready, F_OK) != 0 { try? await Task.sleep(for: .milliseconds(10)) }
        }
        #expect(status == 5)
    }

    @Test("what does not end by SIGTERM is killed after a while")
    func killed() async throws {
        let ready = FileManager.default.temporaryDirectory.appending(path: "child-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: ready) }
        let script = "trap '' TERM; : > \(ready); exec sleep 600"
        let status = try await child(script).run(patience: .milliseconds(50)) {
            while access(ready, F_OK) != 0 { try? await Task.sleep(for: .milliseconds(10)) }
        }
        #expect(status == 128 + SIGKILL)
    }

    @Test("nobody waits for an end any more when it has ended by itself")
    func endedItself() async throws {
        let cancelled = Mutex(false)
        let status = try await child("exit 3").run {
            while !Task.isCancelled { try? await Task.sleep(for: .seconds(60)) }
            cancelled.withLock { $0 = true }
        }
        #expect(status == 3)
        #expect(cancelled.withLock { $0 })
    }

    @Test("it can be ended by signals, whatever the thread blocks that starts it", arguments: [SIGTERM, SIGINT])
    func unblocked(number: Int32) async throws {
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

    @Test("SIGTERM to us reaches it")
    func forwarded() async throws {
        // It says so itself when it is ready to be told.
        let status = try await child("trap 'exit 6' TERM; kill -TERM $PPID; while :; do sleep 0.05; done").run()
        #expect(status == 6)
    }

    @Test("Ctrl-C while something is waited for undoes it, and the exit status tells")
    func interrupted() async {
        let undone = Mutex(false)
        let error = await #expect(throws: CommandError.self) {
            try await Interruption().unless {
                kill(getpid(), SIGINT)
                try await Task.sleep(for: .seconds(600))
            } then: {
                undone.withLock { $0 = true }
            }
        }
        #expect(error?.exitCode == 130)
        #expect(undone.withLock { $0 })
    }

    @Test("what comes in time comes through, and an error as it is")
    func uninterrupted() async throws {
        #expect(
            try await Interruption().unless {
                4
            } then: {
            } == 4
        )
        await #expect(throws: CommandError("no")) {
            try await Interruption().unless {
                throw CommandError("no")
            } then: {
            }
        }
    }
}
