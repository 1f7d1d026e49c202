import Glibc

/// Load for the benchmarks: `bench-load up|down|ping|connect HOST:PORT [N]`, `bench-load relay DESCRIPTOR HOST:PORT`.
///
/// Each but `relay` prints one JSON object. The far side is the sandbox's image `sample/echo`: port 7002 for `up` and
/// `down`, port 7000 for `ping` and `connect`.
@main
struct Main {
    static func main() {
        signal(SIGPIPE, SIG_IGN)
        let words = Array(CommandLine.arguments.dropFirst())
        do {
            try Load.run(words)
        } catch {
            let text = Array("bench-load: \(error)\n".utf8)
            _ = write(2, text, text.count)
            exit(1)
        }
    }
}
