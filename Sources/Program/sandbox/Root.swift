import ArgumentParser

/// `sandbox`.
struct Root: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "sandbox",
        abstract: "A one-machine Kubernetes cluster: pods are processes, nothing is left behind.",
        subcommands: [Up.self, Down.self, Status.self, Kubeconfig.self, Fault.self]
    )
}
