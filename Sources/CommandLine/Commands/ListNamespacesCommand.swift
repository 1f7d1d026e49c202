package import ArgumentParser
import Foundation
import Installation

/// `telepresence list-namespaces`: the cluster's namespaces, without a daemon.
package struct ListNamespacesCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "list-namespaces",
        abstract: "List the cluster's namespaces."
    )

    @OptionGroup package var global: GlobalOptions

    @Option(help: "The kubeconfig context. Default: the current one.")
    var context: String?

    @Option(help: "The kubeconfig file. Default: $KUBECONFIG, else ~/.kube/config.")
    var kubeconfig: String?

    package init() {}

    package func run() async throws {
        try await global.run { terminal in
            let names = try await ClusterOptions.telling {
                let cluster = try InstallationCluster(
                    kubeconfig: kubeconfig,
                    context: context,
                    environment: ProcessInfo.processInfo.environment
                )
                defer { cluster.close() }
                return try await cluster.namespaces()
            }
            terminal.result(
                global.format.isStructured ? try global.format.encode(names) : names.joined(separator: "\n")
            )
        }
    }
}
