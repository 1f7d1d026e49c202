import ArgumentParser
import CommandLine
import Glibc
import Host

/// `telepresence`: the command line, and the daemons as hidden commands.
@main
struct Main {
    static func main() {
        ProgramStart.prepare()
        let arguments = Swift.CommandLine.arguments
        // What needs a process of one thread runs before anything could start another.
        if let status = HiddenProgram.run(arguments.dropFirst()) { exit(status) }
        let rest = Array(arguments.dropFirst(2))
        switch arguments.dropFirst().first {
        case HiddenCommand.userDaemon:
            DetachedDaemon.enter()
            wait { await UserDaemonProgram.main(rest, accessSource: KubeconfigAccessSource()) }
        case HiddenCommand.rootDaemon:
            DetachedDaemon.enter()
            exit(RootDaemonProgram.main(rest))
        default:
            wait { await Telepresence.start(Array(arguments.dropFirst())) }
        }
    }

    /// Runs `body` while the main thread sleeps, then exits with its status.
    private static func wait(_ body: @escaping @Sendable () async -> Int32) -> Never {
        Task { exit(await body()) }
        while true { pause() }
    }
}
