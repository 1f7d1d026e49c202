package import ArgumentParser
import Message

/// `telepresence ingest WORKLOAD [-- CMD]`: a container's environment and volumes on the workstation, without its traffic.
package struct IngestCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "ingest",
        abstract: "Use a container's environment here, and leave its traffic alone.",
        discussion: """
            Any number of people can ingest a workload at once, also while others intercept it. With -- CMD, the command \
            runs with the container's environment; the ingest ends with it, and its exit status is returned.

            telepresence ingest web -c app -- ./my-web
            """
    )

    @OptionGroup package var global: GlobalOptions

    @Argument(help: "The workload; a name of your own together with --workload.")
    var name: String

    @Option(help: "The workload.")
    var workload: String?

    @Option(name: [.short, .long], help: "The container, where the workload has several.")
    var container: String?

    @Option(name: [.short, .long], help: "The namespace. Default: the connection's.")
    var namespace: String?

    @Option(help: "How the agent comes into the pods: ephemeral adds it to running pods, which are not restarted.")
    var attach: AttachManner?

    @OptionGroup(visibility: .hidden) var filter: NoFilterOptions

    @OptionGroup var podPorts: PodPortOptions

    @OptionGroup(title: "Environment") var environment: EnvironmentOptions

    @OptionGroup(title: "Volumes") var volumes: MountOptions

    @Argument(parsing: .postTerminator, help: "A command that gets the environment.")
    var command: [String] = []

    package init() {}

    package func run() async throws {
        try await global.run { terminal in
            try await AttachmentRun(
                global: global,
                environment: environment,
                mount: volumes.mount,
                toPod: try podPorts.ports(),
                command: command
            )
            .run(terminal, specification)
        }
    }

    private var specification: AttachmentSpec {
        // Several containers of one workload can be ingested at once: each has a name of its own.
        let own = workload == nil ? container.map { "\(name)/\($0)" } : nil
        return AttachmentSpec(
            name: own ?? name,
            kind: .ingest,
            workload: workload ?? name,
            namespace: namespace ?? "",
            container: container ?? "",
            attach: attach?.rawValue ?? ""
        )
    }
}
