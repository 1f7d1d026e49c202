import ArgumentParser
import Foundation
import Installation
import Message

/// The options of the commands that talk to the cluster themselves, without a daemon.
struct ClusterOptions: ParsableArguments {
    @Option(
        name: [.customShort("n"), .customLong("namespace"), .customLong("manager-namespace")],
        help: "The traffic manager's namespace. Default: ambassador."
    )
    var givenNamespace: String?

    /// The traffic manager's namespace.
    var namespace: String { givenNamespace ?? "ambassador" }

    @Option(help: "The kubeconfig context. Default: the current one.")
    var context: String?

    @Option(help: "The kubeconfig file. Default: $KUBECONFIG, else ~/.kube/config.")
    var kubeconfig: String?

    init() {}

    func validate() throws {
        let isName =
            namespace.wholeMatch(of: /[a-z0-9]([-a-z0-9]*[a-z0-9])?/.asciiOnlyWordCharacters()) != nil
            && namespace.count <= 63
        guard isName else {
            throw ValidationError("'\(namespace)' is no name of a namespace: small letters, digits and '-', 63 at most")
        }
    }

    /// Runs a command's body with an installer; its failures become errors with an exit status.
    func with(
        _ terminal: Terminal,
        _ body: (Installer) async throws -> Void
    ) async throws {
        try await Self.telling {
            let cluster = try InstallationCluster(
                kubeconfig: kubeconfig,
                context: context,
                environment: ProcessInfo.processInfo.environment
            )
            defer { cluster.close() }
            let installer = Installer(
                cluster: cluster,
                namespace: namespace,
                version: ProductVersion.text,
                progress: { terminal.progress($0) }
            )
            try await body(installer)
        }
    }

    /// Turns an installation's failure into one with an exit status.
    static func telling<Result>(_ body: () async throws -> Result) async throws -> Result {
        do {
            return try await body()
        } catch let error as InstallationError {
            throw CommandError(error.message, remedy: error.remedy, exitCode: error.exitCode)
        }
    }
}

extension InstallationError {
    /// The statuses that `telepresence help install` lists.
    fileprivate var exitCode: Int32 {
        switch kind {
        case .refused: 1
        case .notReady: 2
        case .invalid: 64
        case .unreachable: 69
        case .forbidden: 77
        }
    }
}
