import ArgumentParser
import Sandbox

/// `sandbox fault clear`.
struct FaultClear: AsyncParsableCommand {
    static let configuration = CommandConfiguration(commandName: "clear", abstract: "Nothing goes wrong any more.")

    @OptionGroup var state: StateOptions

    func run() async throws { try FaultControl(self.state.directory).send { $0.plan = FaultPlan() } }
}
