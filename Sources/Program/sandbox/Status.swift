import ArgumentParser
import Sandbox

/// `sandbox status`.
struct Status: AsyncParsableCommand {
    static let configuration = CommandConfiguration(abstract: "Say whether a sandbox runs, and where.")

    @OptionGroup var state: StateOptions

    func run() async throws {
        let state = self.state.directory
        guard let process = state.runningProcess else {
            print("No sandbox runs in \(state.path)")
            throw ExitCode(1)
        }
        print("Process:    \(process)")
        print("Kubeconfig: \(state.kubeconfig)")
        print("Logs:       \(state.logs)")
    }
}
