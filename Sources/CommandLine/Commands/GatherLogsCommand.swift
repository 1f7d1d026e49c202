package import ArgumentParser
import Foundation
import Message

/// `telepresence gather-logs`: everything that helps to find a fault, in one zip.
package struct GatherLogsCommand: AsyncParsableCommand {
    package static let configuration = CommandConfiguration(
        commandName: "gather-logs",
        abstract: "Gather the logs and states of all components in a zip.",
        discussion:
            "What cannot be had is named in problems.txt; secrets and values of environment variables are not in it."
    )

    @OptionGroup package var global: GlobalOptions

    @Option(help: "The daemons: all, none, or some of root, user, cli, separated by commas.")
    var daemons = "all"

    @Option(help: "The traffic agents: all, none, or those with this in their pod's name.")
    var trafficAgents = "all"

    @Option(help: ArgumentHelp("Whether the traffic manager is in it.", valueName: "true|false"))
    var trafficManager = true

    @Flag(name: [.customShort("y"), .long], help: "The YAML of the manager's and the agents' pods, too.")
    var getPodYaml = false

    @Flag(name: [.short, .long], help: "Replace the names of pods and namespaces.")
    var anonymize = false

    @Option(name: [.customShort("o"), .customLong("output-file")], help: "The file to write.")
    var output: String?

    private static let daemonNames: Set<String> = ["root", "user", "cli"]

    package init() {}

    package func validate() throws {
        for name in words(daemons) where !Self.daemonNames.union(["all", "none"]).contains(name) {
            throw ValidationError("--daemons \(name): there are all, none, root, user and cli")
        }
    }

    package func run() async throws {
        try await global.run { terminal in
            let now = Calendar(identifier: .gregorian)
                .dateComponents([.year, .month, .day, .hour, .minute, .second], from: Date())
            let parts = [now.year, now.month, now.day, now.hour, now.minute, now.second].map { $0 ?? 0 }
            let path = output ?? Self.fileName(parts)
            var gathering = Gathering(paths: StatePaths(), use: global.use)
            terminal.progress("Gathering from the daemons")
            await gathering.daemons(chosen: chosenDaemons)
            if trafficManager || trafficAgents.lowercased() != "none" {
                terminal.progress("Gathering from the cluster")
                await gathering.cluster(manager: trafficManager, agents: trafficAgents, yaml: getPodYaml)
            }
            let date = ZipArchive.Date(
                year: parts[0],
                month: parts[1],
                day: parts[2],
                hour: parts[3],
                minute: parts[4],
                second: parts[5]
            )
            let archive = try gathering.collection.archive(date: date, anonymize ? gathering.anonymizer : nil)
            do {
                try Self.write(archive.bytes, to: path)
            } catch {
                throw CommandError("\(path) cannot be written: \(error)")
            }
            terminal.clear()
            if global.format.isStructured {
                terminal.result(
                    try global.format.encode(
                        GatherOutput(
                            file: path,
                            contents: archive.fileNames,
                            problems: gathering.collection.problems
                        )
                    )
                )
            } else {
                for problem in gathering.collection.problems { terminal.note("not gathered: \(problem)") }
                terminal.result("Wrote \(path) with \(archive.fileNames.count) files")
            }
        }
    }

    private func words(_ list: String) -> [String] {
        list.lowercased().split(separator: ",").map(String.init)
    }

    private var chosenDaemons: Set<String> {
        let words = Set(words(daemons))
        if words.contains("all") { return Self.daemonNames }
        return words.intersection(Self.daemonNames)
    }

    private static func fileName(_ parts: [Int]) -> String {
        let texts = parts.map { $0 < 10 ? "0\($0)" : "\($0)" }
        return "telepresence_logs_\(texts[..<3].joined(separator: "-"))T\(texts[3...].joined(separator: "-")).zip"
    }

    /// Readable by its owner alone: logs have names of hosts and users.
    private static func write(_ bytes: [UInt8], to path: String) throws {
        guard let file = PrivateFile.open(path) else { throw CommandError(String(cString: strerror(errno))) }
        try file.write(contentsOf: Data(bytes))
    }
}

/// What `gather-logs` prints as JSON.
struct GatherOutput: Encodable {
    var file: String
    var contents: [String]
    var problems: [String]
}
