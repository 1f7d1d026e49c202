package import ArgumentParser
import Foundation
import Message
import Synchronization

/// `telepresence connect [-- CMD]`: joins the workstation to a cluster.
package struct ConnectCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "connect",
        abstract: "Join this workstation to a cluster.",
        discussion: """
            Starts the daemons if need be, opens a session with the traffic manager and routes the cluster's addresses \
            and names to it. With -- CMD, runs the command and disconnects when it ends.

            With --isolated no privilege is needed and nothing changes on the workstation: only programs run by \
            `-- CMD` or `telepresence exec` see the cluster.
            """
    )

    @OptionGroup package var global: GlobalOptions

    @Option(name: [.short, .long], help: "The namespace to work in. Default: the context's.")
    var namespace: String?

    @Option(help: "A name for this connection, to have several. Select it with --use.")
    var name: String?

    @OptionGroup(title: "Kubernetes options") var kubernetes: KubernetesOptions

    @Option(help: "The traffic manager's namespace.")
    var managerNamespace: String = "ambassador"

    @Option(help: "Namespaces whose names resolve, separated by commas. Default: all.")
    var mappedNamespaces: String?

    @Option(help: "A subnet to route to the cluster as well. May be repeated.")
    var alsoProxy: [String] = []

    @Option(help: "A subnet never to route to the cluster. May be repeated.")
    var neverProxy: [String] = []

    @Flag(help: "Use own namespaces instead of the workstation's network: no privilege needed.")
    var isolated = false

    @Argument(parsing: .postTerminator, help: "A command to run while connected.")
    var command: [String] = []

    package init() {}

    package func run() async throws {
        try await global.run { terminal in
            let paths = StatePaths()
            let label = name ?? global.use
            terminal.progress("Starting the user daemon")
            try paths.prepare()
            let client = try await DaemonClient.starting(paths: paths, name: label)
            if !isolated { try await RootDaemonLauncher(paths: paths).ensure(terminal) }
            let held = Interruption.hold()
            let request = try request(label: label)
            let answer = Mutex<ConnectionInfo?>(nil)
            let info = try await Interruption().unless {
                let info = try await client.connect(request) { terminal.progress($0) }
                answer.withLock { $0 = info }
                return info
            } then: { [isolated] in
                // A connection that was there before stays.
                guard answer.withLock({ $0 })?.alreadyConnected != true else { return }
                try? await client.quit(stopDaemons: isolated)
            }
            terminal.clear()
            if command.isEmpty {
                try report(info, terminal)
                await client.close()
                return
            }
            for warning in info.warnings { terminal.note("warning: \(warning)") }
            let status: Int32
            do {
                status = try await ProgramRunner(info: info).run(command, environment: [:])
            } catch {
                if !info.alreadyConnected { try? await client.quit(stopDaemons: isolated) }
                throw error
            }
            Interruption.release(held)
            // What was there before the command stays; what was made for it goes with it.
            if !info.alreadyConnected { try? await client.quit(stopDaemons: isolated) }
            await client.close()
            if status != 0 { throw ExitCode(status) }
        }
    }

    private func request(label: String?) throws -> ConnectRequest {
        let environment = ProcessInfo.processInfo.environment
        var request = ConnectRequest()
        try kubernetes.fill(&request, environment)
        request.namespace = namespace ?? ""
        request.managerNamespace = managerNamespace
        request.isolated = isolated
        request.mappedNamespaces = mappedNamespaces?.split(separator: ",").map(String.init) ?? []
        request.alsoProxy = alsoProxy
        request.neverProxy = neverProxy
        request.environment = environment
        request.name = label ?? ""
        return request
    }

    private func report(_ info: ConnectionInfo, _ terminal: Terminal) throws {
        if global.format.isStructured {
            terminal.result(try global.format.encode(ConnectionOutput(info)))
            return
        }
        let already = info.alreadyConnected ? "Already connected" : "Connected"
        let mode = info.isolated ? ", isolated" : ""
        terminal.result("\(already) to context \(info.context), namespace \(info.namespace) (\(info.server))\(mode)")
        for warning in info.warnings { terminal.note("warning: \(warning)") }
        if info.isolated, !info.alreadyConnected {
            terminal.note("Run programs with: telepresence exec -- CMD")
        }
    }
}
