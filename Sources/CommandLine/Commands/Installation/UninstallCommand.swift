package import ArgumentParser
import Installation

/// `telepresence uninstall` (also `helm uninstall`): removes the traffic manager and its agents.
package struct UninstallCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "uninstall",
        abstract: "Remove the traffic manager and its agents from a cluster, or the agents of workloads.",
        discussion: """
            With WORKLOAD… or --all-agents only agents are removed, through the present connection, in its namespace or that \
            of --namespace: pods are replaced by pods without an agent, each only when its successor serves, where the \
            workload's strategy allows it. Exit status 1 when one stays. Without them the traffic manager goes:

            Says what it will do and does it: the webhook goes first, then pods with an agent are replaced, as their \
            disruption budgets allow, then everything that the installation made, and the namespace if it made that \
            and nothing else is in it.

            Exit status: as for `telepresence install`; 2 when something is still going at the end.
            """
    )

    @OptionGroup package var global: GlobalOptions
    @OptionGroup var cluster: ClusterOptions
    @OptionGroup var waiting: WaitOptions

    @Flag(help: "Say what would be done, and change nothing.")
    var dryRun = false

    @Argument(help: ArgumentHelp("Workloads to take the agents from, by name or kind/name.", valueName: "workload"))
    var workloads: [String] = []

    @Flag(name: [.short, .long], help: "Remove all agents of the namespace, and nothing else.")
    var allAgents = false

    package init() {}

    package mutating func validate() throws {
        if allAgents, !workloads.isEmpty { throw ValidationError("--all-agents removes all: name no workloads") }
    }

    package func run() async throws {
        try await global.run { terminal in
            if allAgents || !workloads.isEmpty {
                let removal = AgentRemoval(
                    workloads: workloads,
                    all: allAgents,
                    namespace: cluster.givenNamespace ?? ""
                )
                return try await removal.run(global, terminal)
            }
            try await cluster.with(terminal) { installer in
                let plan = try await installer.removalPlan()
                if dryRun {
                    terminal.clear()
                    return terminal.result(
                        global.format.isStructured ? try global.format.encode(RemovalOutput(plan)) : plan.text
                    )
                }
                if global.format == .default { terminal.note(plan.text) }
                let outcome = try await installer.remove(plan, limit: try waiting.limit())
                try terminal.report(outcome, action: "Uninstalled", global.format)
            }
        }
    }
}
