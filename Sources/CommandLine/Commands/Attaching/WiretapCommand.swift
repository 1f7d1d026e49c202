package import ArgumentParser
import Message

/// `telepresence wiretap NAME [-- CMD]`: a copy of a workload's traffic comes to the workstation.
package struct WiretapCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "wiretap",
        abstract: "Get a copy of a workload's traffic.",
        discussion: """
            Every connection that is made from now on is copied to the local port: what callers say, not what they are \
            answered. They go on talking to the app, or to whoever intercepts it, and notice nothing; what is answered \
            here is thrown away. Any number of people can listen to the same port. Where this workstation does not keep \
            up, copies are cut short; `list` and `status` tell how many.

            telepresence wiretap web --port 8080 -- ./print-requests
            """
    )

    @OptionGroup package var global: GlobalOptions

    @Argument(help: "The wiretap's name; the workload's too, unless --workload is given.")
    var name: String

    @OptionGroup var traffic: TrafficOptions

    @OptionGroup(visibility: .hidden) var filter: NoFilterOptions

    @OptionGroup(title: "Environment") var environment: EnvironmentOptions

    @OptionGroup(title: "Volumes") var volumes: MountOptions

    @Argument(parsing: .postTerminator, help: "A command that takes the copies.")
    var command: [String] = []

    package init() {}

    package func run() async throws {
        try await global.run { terminal in
            try await AttachmentRun(global: global, environment: environment, mount: volumes.mount, command: command)
                .run(terminal, try traffic.specification(name, .wiretap))
        }
    }
}
