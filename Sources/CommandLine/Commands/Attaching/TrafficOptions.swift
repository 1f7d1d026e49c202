import ArgumentParser
import Message

/// Which traffic of which workload is meant, and where it goes.
struct TrafficOptions: ParsableArguments {
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

    init() {}

    /// What is asked for under `name`.
    func specification(_ name: String, _ kind: AttachmentKind) throws -> AttachmentSpec {
        AttachmentSpec(
            name: name,
            kind: kind,
            workload: workload ?? name,
            namespace: namespace ?? "",
            service: service ?? "",
            container: container ?? "",
            ports: try (port.isEmpty ? [""] : port).map { try PortArgument.parse($0, address: address) },
            attach: attach?.rawValue ?? ""
        )
    }
}
