import ArgumentParser

/// Where the environment of an attachment's container goes besides its handler.
struct EnvironmentOptions: ParsableArguments {
    @Option(name: [.short, .long], help: "Write the container's environment to this file.")
    var envFile: String?

    @Option(name: [.customShort("j"), .long], help: "Write it to this file as a JSON object.")
    var envJson: String?

    @Option(help: "How --env-file is written.")
    var envSyntax = EnvironmentSyntax(.docker)

    init() {}

    /// The files that the environment goes to, each with the option that named it.
    private var files: [(path: String, option: String, syntax: EnvironmentSyntax)] {
        [(envFile, "--env-file", envSyntax), (envJson, "--env-json", EnvironmentSyntax(.json))]
            .compactMap { path, option, syntax in path.map { ($0, option, syntax) } }
    }

    /// Somebody wants a file.
    var isWritten: Bool { !files.isEmpty }

    /// Refuses files that cannot be written: that must be known before anything is changed in the cluster.
    func check() throws {
        for (path, option, _) in files { try EnvironmentFile.check(path, option: option) }
    }

    /// Writes the files.
    func write(_ variables: [String: String]) throws {
        for (path, option, syntax) in files {
            try EnvironmentFile.write(variables, to: path, syntax, option: option)
        }
    }
}
