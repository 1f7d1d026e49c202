/// The commands that programs call and people do not.
package enum HiddenCommand {
    /// The user daemon.
    package static let userDaemon = "userd"
    /// The root daemon.
    package static let rootDaemon = "rootd"
    /// Enters an isolated network: `isolate-exec PID CMD…`; the same as `NamespaceEntry.command`, which runs it.
    package static let enter = "isolate-exec"
}
