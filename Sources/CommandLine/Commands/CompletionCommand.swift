package import ArgumentParser

/// `telepresence completion SHELL`: the script that completes commands and flags.
package struct CompletionCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "completion",
        abstract: "Print a script that lets a shell complete telepresence's commands and flags.",
        discussion: """
            bash:  source <(telepresence completion bash)
            zsh:   telepresence completion zsh > "${fpath[1]}/_telepresence"
            fish:  telepresence completion fish > ~/.config/fish/completions/telepresence.fish
            """
    )

    /// A shell for which there is a script.
    enum Shell: String, CaseIterable, ExpressibleByArgument { case bash, zsh, fish }

    @Argument(help: "The shell.")
    var shell: Shell

    package init() {}

    package func run() async throws {
        let known = CompletionShell(rawValue: shell.rawValue) ?? .bash
        print(Telepresence.completionScript(for: known))
    }
}
