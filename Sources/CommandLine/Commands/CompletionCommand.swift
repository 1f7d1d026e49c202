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

    @OptionGroup package var global: GlobalOptions

    @Argument(help: "The shell.")
    var shell: Shell

    package init() {}

    package func run() async throws {
        try await global.run { terminal in
            let known = CompletionShell(rawValue: shell.rawValue) ?? .bash
            let script = Telepresence.completionScript(for: known)
            let output = ["shell": shell.rawValue, "script": script]
            terminal.result(global.format.isStructured ? try global.format.encode(output) : script)
        }
    }
}
