package import ArgumentParser
import Installation

/// `telepresence upgrade` (also `helm upgrade`): applies another version or other values.
package struct UpgradeCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "upgrade",
        abstract: "Upgrade the traffic manager in a cluster, or change its values.",
        discussion: """
            The values that were given before stay; those given now are put over them. What is no longer part of the \
            installation is removed. Takes over a traffic manager that was applied with kubectl.

            Exit status: as for `telepresence install`.
            """
    )

    @OptionGroup package var global: GlobalOptions
    @OptionGroup var cluster: ClusterOptions
    @OptionGroup var values: ValueOptions
    @OptionGroup var waiting: WaitOptions

    @Flag(help: "Keep the values given before (the default).")
    var reuseValues = false

    @Flag(help: "Forget the values given before: those not given now have their defaults.")
    var resetValues = false

    @Flag(help: "Print the manifests as YAML, or as JSON with --format json, and change nothing.")
    var dryRun = false

    package init() {}

    package func validate() throws {
        guard !(reuseValues && resetValues) else {
            throw ValidationError("--reuse-values and --reset-values exclude each other")
        }
    }

    package func run() async throws {
        try await global.run { terminal in
            try await cluster.with(terminal) { installer in
                let chosen = try await installer.upgraded(reuse: !resetValues) { (kept) throws(InstallationError) in
                    try values.apply(to: &kept)
                }
                if dryRun {
                    terminal.clear()
                    return terminal.result(
                        try Installer.manifests(
                            chosen,
                            namespace: cluster.namespace,
                            withNamespace: false,
                            asJSON: global.format.isJSON
                        )
                    )
                }
                var options = Installer.Options()
                options.wait = try waiting.limit()
                let outcome = try await installer.upgrade(chosen, options: options)
                try terminal.report(outcome, action: "Upgraded", global.format)
            }
        }
    }
}
