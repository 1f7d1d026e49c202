import Glibc
import Host
import Kernel

/// The two sides of the benchmark of the registry: `bench-registry manager|crowd DIRECTORY PORT`.
///
/// The manager prints `ready` and serves until it is ended. The crowd takes commands, one a line, and answers each by one
/// JSON object, see ``Crowd``. Both find the certificates' authority in the directory; who comes first makes it.
@main
struct Main {
    static func main() async {
        signal(SIGPIPE, SIG_IGN)
        let words = Array(CommandLine.arguments.dropFirst())
        do {
            guard words.count == 3, let port = Int(words[2]) else {
                throw Trouble("usage: bench-registry manager|crowd DIRECTORY PORT")
            }
            DescriptorLimit.prepare()
            let place = try Place(directory: words[1], port: port)
            switch words[0] {
            case "manager":
                // As the real one does.
                ProgramStart.prepare()
                try await BenchManager.run(place)
            case "crowd": try await Crowd(place).run()
            default: throw Trouble("no such side: \(words[0])")
            }
        } catch {
            let text = Array("bench-registry: \(error)\n".utf8)
            _ = write(2, text, text.count)
            exit(1)
        }
    }

    /// Writes a line to standard output at once.
    static func say(_ line: String) {
        let text = Array((line + "\n").utf8)
        _ = write(1, text, text.count)
    }
}

/// A reason why the benchmark cannot go on.
struct Trouble: Error, CustomStringConvertible {
    let description: String

    init(_ description: String) { self.description = description }
}
