package import ArgumentParser
import Installation
import Message

/// `telepresence install` (also `helm install`): puts the traffic manager into a cluster.
package struct InstallCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "install",
        abstract: "Install the traffic manager in a cluster.",
        discussion: """
            Applies the manifests of k8s/base, changed as the values say, and waits until the manager is ready; if it cannot \
            become ready, says why at once. k8s/values.yaml explains the values; `telepresence lint --show-values` prints them.

            Exit status: 0 done; 1 refused; 2 applied, but the manager does not become ready; 64 wrong values or flags; \
            69 the cluster cannot be reached; 77 a right is missing.
            """
    )

    @OptionGroup package var global: GlobalOptions
    @OptionGroup var cluster: ClusterOptions
    @OptionGroup var values: ValueOptions
    @OptionGroup var waiting: WaitOptions

    @Flag(inversion: .prefixedNo, help: "Make the namespace when it is not there.")
    var createNamespace = true

    @Flag(help: "Print the manifests as YAML, or as JSON with --format json, and ask no cluster.")
    var dryRun = false

    package init() {}

    package func run() async throws {
        try await global.run { terminal in
            let chosen = try await ClusterOptions.telling { try values.values() }
            if dryRun {
                let text = try await ClusterOptions.telling {
                    try Installer.manifests(
                        chosen,
                        namespace: cluster.namespace,
                        withNamespace: createNamespace,
                        asJSON: global.format.isJSON
                    )
                }
                return terminal.result(text)
            }
            try await cluster.with(terminal) { installer in
                var options = Installer.Options()
                options.createNamespace = createNamespace
                options.wait = try waiting.limit()
                let outcome = try await installer.install(chosen, options: options)
                try terminal.report(outcome, action: "Installed", global.format)
            }
        }
    }
}

extension Terminal {
    /// Prints what became of an installation.
    func report(_ outcome: InstallationOutcome, action: String, _ format: OutputFormat) throws {
        clear()
        let version = ProductVersion.text
        guard format == .default else {
            let output = InstallationOutput(outcome, action: action.lowercased(), version: version)
            return result(try format.encode(output))
        }
        result(InstallationOutput.text(outcome, action: action, version: version))
        for line in outcome.notes { note("note: \(line)") }
    }
}
