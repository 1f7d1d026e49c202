import ArgumentParser
import Message

/// `telepresence uninstall WORKLOAD…`: takes traffic agents away.
///
/// The workloads' pods are replaced by pods without an agent, as gently as agents are brought.
struct AgentRemoval {
    let workloads: [String]
    let all: Bool
    /// Empty means the connection's.
    let namespace: String

    /// Runs it through the user daemon; fails with status 1 when an agent stays.
    func run(_ global: GlobalOptions, _ terminal: Terminal) async throws {
        let client = try await DaemonClient.connected(paths: StatePaths(), name: global.use)
        terminal.progress("Replacing pods")
        let result = try await client.removeAgents(workloads: workloads, all: all, namespace: namespace)
        await client.close()
        terminal.clear()
        if global.format.isStructured {
            terminal.result(try global.format.encode(AgentRemovalOutput(result)))
        } else {
            let names = result.removed.joined(separator: ", ")
            terminal.result(names.isEmpty ? "No agent was removed" : "Removed the agents of \(names)")
            for problem in result.problems { terminal.note(problem) }
        }
        if !result.problems.isEmpty { throw ExitCode(1) }
    }
}

/// What the removal of agents prints.
struct AgentRemovalOutput: Encodable {
    var removed: [String]
    var problems: [String]
    /// The problems in a sentence; nil where there are none.
    var error: String?

    init(_ result: RemoveAgentsResult) {
        removed = result.removed
        problems = result.problems
        error = result.problems.isEmpty ? nil : result.problems.joined(separator: "; ")
    }
}
