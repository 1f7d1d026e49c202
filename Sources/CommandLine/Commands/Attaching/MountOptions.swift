import ArgumentParser
import Foundation

/// Whether and where the volumes of an attachment's container come to the workstation.
struct MountOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "Mount the container's volumes by sshfs: true chooses a directory, PATH names it, and with :ro nothing can be written.",
            valueName: "true|false|path[:ro]"
        )
    )
    var mount: MountArgument = .none

    init() {}
}

/// The value of `--mount`.
enum MountArgument: Equatable, ExpressibleByArgument {
    case none
    /// Mounted at a path; empty leaves it to the user daemon.
    case fuse(path: String, readOnly: Bool)

    init?(argument: String) {
        var path = argument
        let readOnly = path.hasSuffix(":ro")
        if readOnly { path.removeLast(3) }
        switch path.lowercased() {
        case "false" where !readOnly: self = .none
        case "true": self = .fuse(path: "", readOnly: readOnly)
        case "", "false", "sync": return nil
        default:
            // The user daemon works elsewhere.
            let directory = FileManager.default.currentDirectoryPath
            var full = path.hasPrefix("/") ? path : directory + "/" + path
            while full.count > 1, full.hasSuffix("/") { full.removeLast() }
            self = .fuse(path: full, readOnly: readOnly)
        }
    }

    var defaultValueDescription: String { self == .none ? "false" : "true" }
}
