import Actor
import Glibc
import Kernel

/// A small process beside the user daemon that keeps copies of an attachment's volumes: whatever ends, they go.
///
///     userd ──pipe──► volume-sync ──socket──► userd
///
/// It removes the copies when the pipe from the user daemon ends, however that one died. While the agent cannot be reached the copies stay
/// as they are. It writes lines: `ready`, with a complaint after it where something is amiss, and else why there are no copies.
package enum VolumeSync {
    /// The hidden sub-command: `DIRECTORY SOCKET MOUNT-ID PATH…`.
    package static let command = "volume-sync"
    /// Time between two looks at the volumes, in milliseconds.
    private static let pause = 2000

    /// Runs on standard input and output; the exit status.
    package static func main(_ words: [String]) -> Int32 {
        guard words.count >= 3 else { return 64 }
        _ = setsid()
        for number in [SIGINT, SIGTERM, SIGHUP, SIGPIPE] { signal(number, SIG_IGN) }
        do throws(SystemError) {
            let place = try SyncPlace(words[0])
            defer { place.remove() }
            var copies = VolumeCopies(Array(words.dropFirst(3)), in: place.tree)
            keep(&copies, socket: words[1], mount: words[2])
            return 0
        } catch {
            say("\(error)")
            return 1
        }
    }

    private static func keep(_ copies: inout VolumeCopies, socket: String, mount: String) {
        var backoff = Backoff(first: .milliseconds(200))
        var said = ""
        var isReady = false
        func tell(_ line: String) {
            if line != said { say(line) }
            said = line
        }
        while true {
            do throws(SyncProblem) {
                guard let tunnel = VolumePipe.connect(socket, mount) else {
                    throw .lost("the agent's file server cannot be reached")
                }
                let client = try SFTPClient(tunnel, lifeline: STDIN_FILENO)
                copies.doubt()
                while true {
                    let began = now()
                    try copies.follow(client)
                    // Whoever has a slow link or many files is not asked all the time.
                    var rest = min(max(pause, 10 * (now() - began)), 60_000)
                    if copies.isComplete {
                        isReady = true
                        backoff.reset()
                        tell(copies.complaint.isEmpty ? "ready" : "ready \(copies.complaint)")
                    } else {
                        rest = 100
                    }
                    try wait(rest)
                }
            } catch {
                if case .ended = error { return }
                tell(isReady ? "ready the copies do not follow at present: \(error.text)" : error.text)
            }
            let step = backoff.next(.random(in: 0..<1))
            guard (try? wait(Int(step / .milliseconds(1)))) != nil else { return }
        }
    }

    /// Milliseconds of a clock that only goes forward.
    private static func now() -> Int {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return time.tv_sec * 1000 + time.tv_nsec / 1_000_000
    }

    private static func wait(_ milliseconds: Int) throws(SyncProblem) {
        var lifeline = pollfd(fd: STDIN_FILENO, events: Int16(POLLIN), revents: 0)
        let end = now() + milliseconds
        while true {
            let count = poll(&lifeline, 1, CInt(clamping: max(0, end - now())))
            if count > 0 { throw .ended }
            if count == 0 { return }
        }
    }

    private static func say(_ line: String) {
        let bytes = Array((line.replacing("\n", with: " ") + "\n").utf8)
        _ = write(STDOUT_FILENO, bytes, bytes.count)
    }
}
