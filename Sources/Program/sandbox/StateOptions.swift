import ArgumentParser
import Sandbox

/// Which sandbox is meant.
struct StateOptions: ParsableArguments {
    @Option(help: "Directory of the sandbox's files; another one for each sandbox.")
    var state = "/run/telepresence-sandbox"

    /// The directory, as an absolute path.
    var directory: StateDirectory { StateDirectory(path: Paths.absolute(self.state)) }
}
