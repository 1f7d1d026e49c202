import ArgumentParser
import Glibc
import Sandbox

/// `sandbox down`.
struct Down: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "End a sandbox, with all that runs in it.")

    @OptionGroup var state: StateOptions

    func run() async throws {
        let state = self.state.directory
        guard let process = state.runningProcess else {
            // One that was killed leaves its files.
            state.remove()
            print("No sandbox runs in \(state.path)")
            return
        }
        kill(process, SIGTERM)
        for _ in 0..<500 where state.runningProcess != nil { usleep(10000) }
        if state.runningProcess != nil { Exit.fail("process \(process) did not end within 5 s") }
        state.remove()
        print("The sandbox in \(state.path) has ended")
    }
}
