import ArgumentParser
import Sandbox

/// `sandbox fault show`.
struct FaultShow: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "show", abstract: "Print what is in force, as JSON.")

    @OptionGroup var state: StateOptions

    func run() async throws {
        let state = self.state.directory
        guard state.runningProcess != nil else { Exit.fail("no sandbox runs in \(state.path)") }
        print(FaultControl(state).present.plan.description)
    }
}
