package import ArgumentParser
import Glibc
import Kernel
import Message

/// `telepresence list`: the workloads of a namespace and who holds what.
package struct ListCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "list",
        abstract: "List workloads and their attachments.",
        discussion: """
            With --watch the list is kept up to date until Ctrl-C. With --format json-stream every change is an object on a \
            line of its own: {"change": "added", "modified" or "removed", "workload": {…}}.
            """
    )

    @OptionGroup package var global: GlobalOptions

    @Option(name: [.short, .long], help: "The namespace. Default: the connection's.")
    var namespace: String?

    @Flag(name: [.short, .long], help: "Only workloads that are intercepted.")
    var intercepts = false

    @Flag(name: [.customShort("g"), .long], help: "Only workloads that are ingested.")
    var ingests = false

    @Flag(name: [.short, .long], help: "Only workloads of which a container is replaced.")
    var replacements = false

    @Flag(name: [.customShort("t"), .long], help: "Only workloads that are wiretapped.")
    var wiretaps = false

    @Flag(name: [.short, .long], help: "Only workloads with a traffic agent.")
    var agents = false

    @Flag(name: [.short, .long], help: "Go on telling what changes.")
    var watch = false

    package init() {}

    package func run() async throws {
        try await global.run { terminal in
            let client = try await DaemonClient.connected(paths: StatePaths(), name: global.use)
            guard watch else {
                let workloads = try await workloads(client)
                await client.close()
                return try show(workloads, terminal)
            }
            var watch = WorkloadWatch()
            for await _ in Self.moments() {
                let workloads = try await workloads(client)
                let changes = watch.changes(to: workloads.map(WorkloadOutput.init))
                if changes.isEmpty, !watch.isFirst { continue }
                if global.format.isStructured {
                    for change in changes { terminal.result(try global.format.encodeNext(change)) }
                } else if terminal.isScreen {
                    terminal.screen(lines(workloads))
                } else {
                    for change in changes { terminal.result("\(change.change) \(change.workload.line)") }
                }
            }
            await client.close()
        }
    }

    private func workloads(_ client: DaemonClient) async throws -> [Workload] {
        try await client.list(namespace: namespace ?? "").filter(isWanted)
    }

    private func show(_ workloads: [Workload], _ terminal: Terminal) throws {
        if global.format.isStructured {
            return terminal.result(try global.format.encode(workloads.map(WorkloadOutput.init)))
        }
        for line in lines(workloads) { terminal.result(line) }
    }

    private func lines(_ workloads: [Workload]) -> [String] {
        guard !workloads.isEmpty else { return [wanted.isEmpty && !agents ? "No workloads" : "No such workloads"] }
        let outputs = workloads.map(WorkloadOutput.init)
        let width = outputs.map(\.title.count).max() ?? 0
        return outputs.map { $0.title + String(repeating: " ", count: width - $0.title.count) + ": " + $0.text }
    }

    /// The kinds of attachments that are asked for; none means that it does not matter.
    private var wanted: Set<AttachmentKind> {
        let kinds: [(Bool, AttachmentKind)] = [
            (intercepts, .intercept), (ingests, .ingest), (replacements, .replace), (wiretaps, .wiretap),
        ]
        return Set(kinds.filter(\.0).map(\.1))
    }

    func isWanted(_ workload: Workload) -> Bool {
        let isHeld = wanted.isEmpty || workload.attachments.contains { wanted.contains($0.spec.kind) }
        return isHeld && (!agents || workload.agentState != "none")
    }

    /// The moments at which to look again, until Ctrl-C or SIGTERM.
    private static func moments() -> AsyncStream<Void> {
        let (moments, feed) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let ticking = Task {
            while !Task.isCancelled {
                feed.yield()
                try? await Task.sleep(for: .seconds(1))
            }
        }
        let signals = Signals(SIGINT, SIGTERM)
        Task {
            _ = await signals.first()
            ticking.cancel()
            feed.finish()
        }
        return moments
    }
}
