package import ArgumentParser
import Foundation
import Message

/// `telepresence intercept NAME [-- CMD]`: requests for a workload are answered on the workstation.
package struct InterceptCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "intercept",
        abstract: "Answer a workload's requests on this workstation.",
        discussion: """
            NAME is the workload's name, or a name of your own together with --workload. With -- CMD, the command runs
            with the container's environment; the intercept ends with it, and its exit status is returned.
            """
    )

    @OptionGroup package var global: GlobalOptions

    @Argument(help: "The intercept's name; the workload's too, unless --workload is given.")
    var name: String

    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "The local port, and the service's or container's by name or number. May be repeated.",
            valueName: "local[:remote[/udp]]"
        )
    )
    var port: [String] = []

    @Option(help: "The workload.")
    var workload: String?

    @Option(help: "The service, where several lead to the workload.")
    var service: String?

    @Option(help: "The container whose environment is taken.")
    var container: String?

    @Option(help: "The local address to which requests are sent.")
    var address: String = "127.0.0.1"

    @Option(name: [.short, .long], help: "The namespace. Default: the connection's.")
    var namespace: String?

    @Option(help: "How the agent comes into the pods: ephemeral adds it to running pods, which are not restarted.")
    var attach: AttachManner?

    @Option(name: [.short, .long], help: "Write the container's environment to this file.")
    var envFile: String?

    @Option(name: [.customShort("j"), .long], help: "Write it to this file as a JSON object.")
    var envJson: String?

    @Option(help: "How --env-file is written.")
    var envSyntax = EnvironmentSyntax(.docker)

    @Argument(parsing: .postTerminator, help: "A command that answers the requests.")
    var command: [String] = []

    package init() {}

    package func run() async throws {
        try await global.run { terminal in
            let spec = try specification()
            // A file that cannot be written must be known before anything is changed in the cluster.
            for (path, option, _) in environmentFiles { try EnvironmentFile.check(path, option: option) }
            let client = try await DaemonClient.connected(paths: StatePaths(), name: global.use)
            let interrupted = Interruption()
            let attachment = try await interrupted.unless {
                try await client.intercept(spec) { terminal.progress($0) }
            } then: {
                try? await client.leave(name: name, namespace: spec.namespace)
            }
            terminal.clear()
            try await use(attachment, client, terminal)
        }
    }

    /// The files that the environment goes to, each with the option that named it.
    private var environmentFiles: [(path: String, option: String, syntax: EnvironmentSyntax)] {
        [(envFile, "--env-file", envSyntax), (envJson, "--env-json", EnvironmentSyntax(.json))]
            .compactMap { path, option, syntax in path.map { ($0, option, syntax) } }
    }

    private func specification() throws -> AttachmentSpec {
        var spec = AttachmentSpec()
        spec.name = name
        spec.kind = .intercept
        spec.workload = workload ?? name
        spec.namespace = namespace ?? ""
        spec.service = service ?? ""
        spec.container = container ?? ""
        spec.attach = attach?.rawValue ?? ""
        spec.ports = try (port.isEmpty ? [""] : port).map { try PortArgument.parse($0, address: address) }
        return spec
    }

    private func use(_ attachment: Attachment, _ client: DaemonClient, _ terminal: Terminal) async throws {
        do {
            let variables = EnvironmentFile.variables(of: attachment)
            for (path, option, syntax) in environmentFiles {
                try EnvironmentFile.write(variables, to: path, syntax, option: option)
            }
            if command.isEmpty {
                try report(attachment, terminal)
                await client.close()
                return
            }
            if global.format == .default { terminal.note(AttachmentOutput(attachment).text) }
            let info = try await client.status().connection
            let status = try await ProgramRunner(info: info ?? ConnectionInfo()).run(command, environment: variables)
            try await client.leave(name: name, namespace: attachment.spec.namespace)
            await client.close()
            if status != 0 { throw ExitCode(status) }
        } catch let code as ExitCode {
            throw code
        } catch {
            // Nothing half done: an intercept that nobody uses would only take requests away.
            try? await client.leave(name: name, namespace: attachment.spec.namespace)
            throw error
        }
    }

    private func report(_ attachment: Attachment, _ terminal: Terminal) throws {
        let output = AttachmentOutput(attachment)
        terminal.result(global.format.isStructured ? try global.format.encode(output) : output.text)
    }
}

/// How an agent comes into the pods of a workload.
enum AttachManner: String, ExpressibleByArgument {
    case ephemeral
}
