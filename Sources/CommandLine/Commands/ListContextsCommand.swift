package import ArgumentParser
import Foundation
import Installation

/// `telepresence list-contexts`: the contexts of the kubeconfig, without a daemon or a cluster.
package struct ListContextsCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "list-contexts",
        abstract: "List the kubeconfig's contexts."
    )

    @OptionGroup package var global: GlobalOptions

    @Option(help: "The kubeconfig file. Default: $KUBECONFIG, else ~/.kube/config.")
    var kubeconfig: String?

    package init() {}

    package func run() async throws {
        try await global.run { terminal in
            let contexts = try await ClusterOptions.telling {
                try ClusterContext.all(kubeconfig: kubeconfig, environment: ProcessInfo.processInfo.environment)
            }
            if global.format.isStructured {
                return terminal.result(try global.format.encode(contexts.map(ContextOutput.init)))
            }
            let width = contexts.map(\.name.count).max() ?? 0
            for context in contexts {
                let name = context.name.padding(toLength: width, withPad: " ", startingAt: 0)
                terminal.result("\(context.isCurrent ? "*" : " ") \(name)  \(context.namespace)  \(context.server)")
            }
            if contexts.isEmpty { terminal.result("No contexts") }
        }
    }
}
