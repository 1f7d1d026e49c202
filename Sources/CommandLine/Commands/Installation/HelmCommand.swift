package import ArgumentParser

/// `telepresence helm …`: the names that Telepresence has for the installation's commands.
package struct HelmCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "helm",
        abstract: "Install, upgrade, uninstall or check the traffic manager.",
        subcommands: [InstallCommand.self, UpgradeCommand.self, UninstallCommand.self, LintCommand.self]
    )

    package init() {}
}
