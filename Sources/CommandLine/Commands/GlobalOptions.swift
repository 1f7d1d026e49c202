package import ArgumentParser

/// The options that every command has.
package struct GlobalOptions: ParsableArguments {
    @Option(help: "How results are printed.")
    package var format: OutputFormat = .default

    @Option(help: ArgumentHelp("The connection to use, by its name, where there are several.", valueName: "name"))
    package var use: String?

    package init() {}

    /// Runs a command's body; prints a failure as the format wants it, and exits with its status.
    package func run(_ body: (Terminal) async throws -> Void) async throws {
        let terminal = Terminal(format: format)
        do {
            try await body(terminal)
        } catch let code as ExitCode {
            throw code
        } catch {
            terminal.clear()
            let failure = error as? CommandError ?? CommandError("\(error)")
            CommandLog(paths: StatePaths()).append(failure)
            if format.isStructured {
                terminal.result(format.failure(failure.description))
            } else {
                terminal.note("telepresence: error: \(failure)")
            }
            throw ExitCode(failure.exitCode)
        }
    }
}
