import Glibc
import Kernel

/// A small process that outlives the root daemon for a moment: it knows what to take away, and does so when the pipe from
/// the root daemon ends before everything was taken away in order.
package enum Janitor {
    /// The hidden sub-command.
    package static let command = "rootd-janitor"

    /// Runs the janitor on standard input; the result is the exit status.
    package static func main() -> Int32 {
        // A terminal's Ctrl-C and a service manager's SIGTERM reach the whole group; the work is still to be done.
        _ = setsid()
        for number in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] { signal(number, SIG_IGN) }
        var text: [UInt8] = []
        var entries: [UndoEntry] = []
        var buffer = [UInt8](repeating: 0, count: 4096)
        while true {
            let count = read(STDIN_FILENO, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { break }
            text += buffer[..<count]
            while let end = text.firstIndex(of: 0x0a) {
                apply(String(decoding: text[..<end], as: UTF8.self), to: &entries)
                text.removeSubrange(...end)
            }
        }
        guard !entries.isEmpty else { return 0 }
        guard let netlink = try? RouteSocket() else { return 1 }
        for entry in entries.reversed() { entry.undo(netlink) }
        return 0
    }

    /// Takes over one line: `+` and an entry adds it, `-` removes it.
    static func apply(_ line: String, to entries: inout [UndoEntry]) {
        guard let entry = UndoEntry(line.dropFirst(2)) else { return }
        switch line.prefix(2) {
        case "+ ": entries.append(entry)
        case "- ": entries.removeAll { $0 == entry }
        default: break
        }
    }

    /// Starts a janitor; what is written to the descriptor is its list.
    static func start(executable: String) throws(SystemError) -> Descriptor {
        let pipe = try Descriptor.pipe()
        try HostProgram.spawn(executable, [command], standardInput: pipe.reading)
        return pipe.writing
    }
}
