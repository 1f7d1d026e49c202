package import ArgumentParser
import Message

/// `telepresence list`: the workloads of a namespace and who holds what.
package struct ListCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List workloads and their attachments."
    )

    @OptionGroup package var global: GlobalOptions

    @Option(name: [.short, .long], help: "The namespace. Default: the connection's.")
    var namespace: String?

    @Flag(name: [.short, .long], help: "Only workloads that are intercepted.")
    var intercepts = false

    @Flag(name: [.short, .long], help: "Only workloads with a traffic agent.")
    var agents = false

    package init() {}

    package func run() async throws {
        try await global.run { terminal in
            let client = try await DaemonClient.connected(paths: StatePaths(), name: global.use)
            let workloads = try await client.list(namespace: namespace ?? "").filter(isWanted)
            await client.close()
            if global.format.isStructured {
                terminal.result(try global.format.encode(workloads.map(WorkloadOutput.init)))
                return
            }
            if workloads.isEmpty {
                terminal.result(intercepts || agents ? "No such workloads" : "No workloads")
                return
            }
            let lines = workloads.map { ("\($0.kind.lowercased()) \($0.name)", WorkloadOutput($0).text) }
            let width = lines.map(\.0.count).max() ?? 0
            for (name, text) in lines {
                terminal.result(name + String(repeating: " ", count: width - name.count) + ": " + text)
            }
        }
    }

    private func isWanted(_ workload: Workload) -> Bool {
        (!intercepts || !workload.attachments.isEmpty) && (!agents || workload.agentState != "none")
    }
}
