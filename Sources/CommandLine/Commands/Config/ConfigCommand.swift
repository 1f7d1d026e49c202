package import ArgumentParser

/// `telepresence config …`: what applies at this workstation.
package struct ConfigCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "config",
        abstract: "Show the configuration.",
        subcommands: [ConfigViewCommand.self]
    )

    package init() {}
}
