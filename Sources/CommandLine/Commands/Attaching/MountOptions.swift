import ArgumentParser
import Foundation

/// Whether and where the volumes of an attachment's container come to the workstation.
struct MountOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            """
            The container's volumes: true mounts them by sshfs in a directory of their own, PATH in this one, and with :ro nothing \
            can be written. sync needs no FUSE: small volumes are copied, and the copies follow; what is written to them stays \
            here. auto is true where this workstation can, else sync. false leaves them alone.
            """,
            valueName: "auto|true|false|sync|path[:ro]"
        )
    )
    var mount: MountArgument = .automatic

    init() {}
}

/// The value of `--mount`.
enum MountArgument: Equatable, ExpressibleByArgument {
    case none
    /// By sshfs where that can be, else copied.
    case automatic
    /// Mounted at a path; empty leaves it to the user daemon.
    case fuse(path: String, readOnly: Bool)
    /// Copied.
    case sync

    init?(argument: String) {
        var path = argument
        let readOnly = path.hasSuffix(":ro")
        if readOnly { path.removeLast(3) }
        switch path.lowercased() {
        case "false" where !readOnly: self = .none
        case "true": self = .fuse(path: "", readOnly: readOnly)
        case "auto" where !readOnly: self = .automatic
        case "sync" where !readOnly: self = .sync
        case "", "false", "sync", "auto": return nil
        default:
            // The user daemon works elsewhere.
            let directory = FileManager.default.currentDirectoryPath
            var full = path.hasPrefix("/") ? path : directory + "/" + path
            while full.count > 1, full.hasSuffix("/") { full.removeLast() }
            self = .fuse(path: full, readOnly: readOnly)
        }
    }

    var defaultValueDescription: String {
        switch self {
        case .none: "false"
        case .automatic: "auto"
        case .fuse: "true"
        case .sync: "sync"
        }
    }
}
