package import ArgumentParser
import Message

/// `telepresence exec -- CMD`: runs a program where it sees the cluster.
package struct ExecCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "exec",
        abstract: "Run a program that sees the cluster.",
        discussion: """
            In isolated mode the program runs in the connection's namespaces; in host mode every program sees the \
            cluster anyway. The program's exit status is returned.
            """
    )

    @OptionGroup package var global: GlobalOptions

    @Argument(parsing: .postTerminator, help: "The program and its arguments.")
    var command: [String] = []

    package init() {}

    package func run() async throws {
        try await global.run { _ in
            let client = try await DaemonClient.connected(paths: StatePaths(), name: global.use)
            guard let info = try await client.status().connection else {
                throw CommandError("not connected", remedy: "telepresence connect --isolated")
            }
            await client.close()
            let status = try await ProgramRunner(info: info).run(command, environment: [:])
            if status != 0 { throw ExitCode(status) }
        }
    }
}
