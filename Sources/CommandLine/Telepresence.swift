package import ArgumentParser
import Foundation

/// `telepresence`.
package struct Telepresence: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "telepresence",
        abstract: "Work on one service on your workstation as if it ran in the cluster.",
        discussion: """
            telepresence connect                    join the cluster
            curl http://my-service.my-namespace     reach it
            telepresence intercept my-service --port 8080
                                                    answer its requests on localhost:8080
            telepresence quit                       leave no trace
            """,
        subcommands: [
            ConnectCommand.self, StatusCommand.self, ListCommand.self, InterceptCommand.self, IngestCommand.self,
            WiretapCommand.self, ReplaceCommand.self,
            LeaveCommand.self,
            ExecCommand.self, QuitCommand.self, VersionCommand.self, RevokeCommand.self,
            ListContextsCommand.self, ListNamespacesCommand.self,
            InstallCommand.self, UpgradeCommand.self, UninstallCommand.self, LintCommand.self, HelmCommand.self,
            LogsCommand.self, LogLevelCommand.self, GatherLogsCommand.self, ConfigCommand.self, CompletionCommand.self,
        ]
    )

    package init() {}
}
