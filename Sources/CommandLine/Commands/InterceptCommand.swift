package import ArgumentParser
import Message

/// `telepresence intercept NAME [-- CMD]`: requests for a workload are answered on the workstation.
package struct InterceptCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "intercept",
        abstract: "Answer a workload's requests on this workstation.",
        discussion: """
            NAME is the workload's name, or a name of your own together with --workload. With -- CMD, the command runs \
            with the container's environment and finds its volumes below $TELEPRESENCE_ROOT; the intercept ends with it, and \
            its exit status is returned. When the intercept is ended from elsewhere, the command is told to end (SIGTERM, 10 \
            seconds later SIGKILL), and the exit status is 1.

            With --http-header or --http-path-… only the requests that have what is asked for come here, one by one, also on \
            connections that are open already; all others go to the app. So several people can intercept one port.

            telepresence intercept web --port 8080 --http-header x-user=ann
            """
    )

    @OptionGroup package var global: GlobalOptions

    @Argument(help: "The intercept's name; the workload's too, unless --workload is given.")
    var name: String

    @OptionGroup var traffic: TrafficOptions

    @OptionGroup(title: "Filter") var filter: FilterOptions

    @OptionGroup var podPorts: PodPortOptions

    @OptionGroup(title: "Environment") var environment: EnvironmentOptions

    @OptionGroup(title: "Volumes") var volumes: MountOptions

    @Argument(parsing: .postTerminator, help: "A command that answers the requests.")
    var command: [String] = []

    package init() {}

    package func run() async throws {
        try await global.run { terminal in
            var spec = try traffic.specification(name, .intercept)
            try filter.apply(to: &spec)
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
}
