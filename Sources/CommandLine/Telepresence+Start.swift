import ArgumentParser
import Glibc

extension Telepresence {
    /// Runs the command that the arguments ask for, and ends the process.
    ///
    /// Arguments that are wrong are told in the format that they ask for, too.
    package static func start(_ arguments: [String]) async -> Never {
        do {
            var command = try parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand { try await command.run() } else { try command.run() }
            exit()
        } catch {
            // What a command has failed with is told already; help and the like are no failures.
            let code = exitCode(for: error)
            let format = OutputFormat.asked(by: arguments)
            guard !(error is ExitCode), code != .success, format.isStructured else { exit(withError: error) }
            Terminal(format: format).result(format.failure(message(for: error)))
            Glibc.exit(code.rawValue)
        }
    }
}
