package import ArgumentParser
import Message

/// `telepresence replace WORKLOAD [-- CMD]`: a container does not run any more; the workstation does its work.
package struct ReplaceCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "replace",
        abstract: "Do a container's work here; it does not run meanwhile.",
        discussion: """
            The workload's pods are replaced by pods without the container, so that it takes nothing from queues either; \
            its ports come to this workstation. When the replacement ends, however it does, the container comes back.

            telepresence replace worker --container app -p 9000:8080 -- ./my-worker
            """
    )

    @OptionGroup package var global: GlobalOptions

    @Argument(help: "The workload; a name of your own together with --workload.")
    var name: String

    @Option(
        name: [.short, .long],
        help: ArgumentHelp(
            "The local port, and the container's by name or number; all or none of them. May be repeated.",
            valueName: "local:container[/udp]|all|none"
        )
    )
    var port: [String] = ["all"]

    @Option(help: "The workload.")
    var workload: String?

    @Option(name: [.short, .long], help: "The container, where the workload has several.")
    var container: String?

    @Option(help: "The local address to which requests are sent.")
    var address: String = "127.0.0.1"

    @Option(name: [.short, .long], help: "The namespace. Default: the connection's.")
    var namespace: String?

    @OptionGroup(visibility: .hidden) var filter: NoFilterOptions

    @OptionGroup var podPorts: PodPortOptions

    @OptionGroup(title: "Environment") var environment: EnvironmentOptions

    @OptionGroup(title: "Volumes") var volumes: MountOptions

    @Argument(parsing: .postTerminator, help: "A command that does the container's work.")
    var command: [String] = []

    package init() {}

    package func validate() throws {
        guard port.count < 2 || !port.contains(where: ["all", "none"].contains) else {
            throw ValidationError("--port all and --port none stand alone")
        }
    }

    package func run() async throws {
        try await global.run { terminal in
            let spec = try specification()
            try await AttachmentRun(
                global: global,
                environment: environment,
                mount: volumes.mount,
                toPod: try podPorts.ports(beside: spec.ports),
                command: command
            )
            .run(terminal, spec)
        }
    }

    func specification() throws -> AttachmentSpec {
        var spec = AttachmentSpec(
            name: name,
            kind: .replace,
            workload: workload ?? name,
            namespace: namespace ?? "",
            container: container ?? "",
            portless: port == ["none"]
        )
        if port != ["all"], port != ["none"] {
            spec.ports = try port.map { try PortArgument.parse($0, address: address) }
        }
        return spec
    }
}
