import Glibc
import Host
import Kernel
import Logging

/// `traffic`: what runs in the cluster.
@main
struct Main {
    private static let usage = """
        usage: traffic manager     the traffic manager, in its Deployment
               traffic agent       the traffic agent, in a pod
               traffic agent-init  redirects a pod's ports to its agent
               traffic stand-in    does nothing, in the place of a container that is replaced
               traffic ready       exits with 0 when the agent serves
               traffic version

        """

    static func main() {
        ProgramStart.prepare()
        let arguments = CommandLine.arguments.dropFirst()
        let rest = Array(arguments.dropFirst())
        // What needs a process of one thread runs before anything could start another.
        if arguments.first == VolumeServer.command { exit(VolumeServer.main(rest)) }
        switch arguments.first {
        case "manager": wait { await ManagerProgram.main(rest, logger: logger("manager")) }
        case "agent": wait { await AgentProgram.main(rest, logger: logger("agent")) }
        case "agent-init": exit(AgentInitProgram.main(rest, logger: logger("agent-init")))
        case "stand-in":
            wait {
                await Signals(SIGTERM, SIGINT).first()
                return 0
            }
        case "ready": exit(AgentReadyProgram.main(rest))
        case "version", "--version":
            print("traffic \(ManagerProgram.version)")
            exit(0)
        case "help", "--help", "-h":
            print(usage, terminator: "")
            exit(0)
        case let other:
            if let other { complain("traffic: there is no command '\(other)'\n") }
            complain(usage)
            exit(64)
        }
    }

    /// Runs `body` while the main thread sleeps, then exits with its status.
    private static func wait(_ body: @escaping @Sendable () async -> Int32) -> Never {
        Task { exit(await body()) }
        while true { pause() }
    }

    private static func logger(_ label: String) -> Logger {
        let logs = LogStore.shared
        LoggingSystem.bootstrap { StoredLogHandler(label: $0, store: logs) }
        let logger = Logger(label: label)
        let environment = ProgramEnvironment.current
        let text = environment["TELEPRESENCE_LOG_LEVEL"] ?? environment["LOG_LEVEL"] ?? ""
        if let level = Logger.Level(rawValue: text) {
            logs.setLastingLevel(level)
        } else if !text.isEmpty {
            logger.warning("unknown log level, using info", metadata: ["level": "\(text)"])
        }
        return logger
    }

    private static func complain(_ text: String) {
        _ = text.withCString { Glibc.write(STDERR_FILENO, $0, strlen($0)) }
    }
}
