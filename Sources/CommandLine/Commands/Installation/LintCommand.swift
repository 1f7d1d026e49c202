package import ArgumentParser
import Installation

/// `telepresence lint` (also `helm lint`): looks whether an installation would succeed.
package struct LintCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "lint",
        abstract: "Check values and cluster for an installation, and change nothing.",
        discussion: "Exit status: 0 nothing forbids it; 1 something does; 64 wrong flags."
    )

    @OptionGroup package var global: GlobalOptions
    @OptionGroup var cluster: ClusterOptions
    @OptionGroup var values: ValueOptions

    @Flag(help: "Print all values, those not given with their defaults, and ask no cluster.")
    var showValues = false

    package init() {}

    package func run() async throws {
        try await global.run { terminal in
            let chosen = try await ClusterOptions.telling { try values.values() }
            if showValues {
                return terminal.result(
                    try await ClusterOptions.telling { try Installer.shown(chosen, asJSON: global.format.isJSON) }
                )
            }
            try await cluster.with(terminal) { installer in
                let findings = await installer.lint(chosen)
                terminal.clear()
                if global.format.isStructured {
                    terminal.result(try global.format.encode(LintOutput(findings)))
                } else {
                    for finding in findings {
                        let level = finding.level.rawValue
                        let gap = String(repeating: " ", count: 8 - level.count)
                        terminal.result("\(level)\(gap)\(finding.subject): \(finding.message)")
                    }
                }
                if findings.contains(where: { $0.level == .error }) { throw ExitCode(1) }
            }
        }
    }
}
