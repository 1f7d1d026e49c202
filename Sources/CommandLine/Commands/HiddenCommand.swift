/// The commands that programs call and people do not.
package enum HiddenCommand {
    /// The user daemon.
    package static let userDaemon = "userd"
    /// The root daemon.
    package static let rootDaemon = "rootd"
    /// Undoes what a root daemon left behind when it was killed.
    package static let janitor = "rootd-janitor"
    /// Makes and holds the namespaces of isolated mode.
    package static let holder = "isolate-holder"
    /// Enters them: `isolate-enter PID -- CMD`.
    package static let enter = "isolate-enter"
}
