import ArgumentParser
import Sandbox

/// `sandbox kubeconfig`.
struct Kubeconfig: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        abstract: "Print a kubeconfig of a running sandbox.",
        discussion: """
            admin has a client certificate and may do anything; token may too, by a bearer token; expired has a token that \
            is valid no more; nobody has a valid token and no rights.
            """
    )

    /// Whose kubeconfig.
    enum User: String, ExpressibleByArgument, CaseIterable {
        case admin, token, expired, nobody
    }

    @OptionGroup var state: StateOptions
    @Option(help: "Whose kubeconfig.")
    var user = User.admin

    func run() async throws {
        let state = self.state.directory
        guard state.runningProcess != nil else { Exit.fail("no sandbox runs in \(state.path)") }
        let path = self.user == .admin ? state.kubeconfig : state.kubeconfig(of: self.user.rawValue)
        guard let text = state.read(path) else { Exit.fail("\(path) cannot be read") }
        print(text, terminator: "")
    }
}
