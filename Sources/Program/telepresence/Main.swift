import Glibc
import Host

@main
struct Main {
    static func main() {
        if let status = HiddenProgram.run(CommandLine.arguments.dropFirst()) { exit(status) }
    }
}
