import DequeModule
import Glibc
import Kernel
import NIOCore
import Synchronization

/// The output of one run of one container: kept in memory within bounds, and written to a file within bounds.
///
/// Concurrency model: one thread reads both pipes; readers come from anywhere. One mutex guards the lines.
final class ContainerLog: Sendable {
    /// One line, with its end, and its moment.
    struct Line: Sendable {
        /// Nanoseconds since 1970.
        var moment: Int64
        var bytes: [UInt8]
    }

    /// The most that is kept, in bytes; the oldest lines go first.
    static let bound = 8 << 20
    /// The size at which the file is set aside as `.1` and begun anew.
    static let fileBound = 10 << 20

    /// Where the raw output goes beside the log: pipes whose reader may be slow, or gone.
    private struct Tap {
        let output: Descriptor?
        let error: Descriptor?
    }

    /// A process's three descriptors, and the end that its input is written to.
    struct Ends {
        let process: [Descriptor]
        let input: Descriptor?
    }

    private struct State {
        var lines: Deque<Line> = []
        var size = 0
        var ended = false
        var followers: [Int: AsyncStream<Line>.Continuation] = [:]
        var taps: [Int: Tap] = [:]
        var next = 0
    }

    private let state = Mutex(State())
    private let path: String?

    /// A log that also goes to a file, if a path is given.
    init(path: String?) {
        self.path = path
        if let path, let slash = path.lastIndex(of: "/") {
            try? Files.makeDirectories(String(path[..<slash]))
        }
    }

    /// Standard input, output and error for a process; what it writes is the log's until all ends are closed.
    ///
    /// The input is empty unless it is asked for. The caller lets go of the process's descriptors once the process has them.
    func open(input wanted: Bool = false, terminal: Bool = false) throws(RuntimeError) -> Ends {
        do throws(SystemError) {
            if terminal {
                let pair = try PseudoTerminal.open()
                let reader = [pair.near]
                pthread_detach(try DedicatedThread.start { [self] in self.read(reader) })
                return Ends(process: [pair.far, pair.far, pair.far], input: try pair.near.duplicate())
            }
            let input = wanted ? try Descriptor.pipe() : nil
            let output = try Descriptor.pipe()
            let error = try Descriptor.pipe()
            let readers = [output.reading, error.reading]
            pthread_detach(try DedicatedThread.start { [self] in self.read(readers) })
            let reading: Descriptor
            if let input {
                reading = input.reading
            } else {
                reading = try Descriptor.open("/dev/null", flags: O_RDONLY)
            }
            return Ends(process: [reading, output.writing, error.writing], input: input?.writing)
        } catch {
            throw RuntimeError(error.description, code: 0)
        }
    }

    private func read(_ pipes: [Descriptor]) {
        var file = FileWriter(path: self.path)
        var partial: [[UInt8]] = pipes.map { _ in [] }
        var open = Array(pipes.indices)
        var buffer = [UInt8](repeating: 0, count: 65536)
        while !open.isEmpty {
            var entries = open.map { pollfd(fd: pipes[$0].rawValue, events: Int16(POLLIN), revents: 0) }
            if poll(&entries, nfds_t(entries.count), -1) < 0 { continue }
            for (entry, index) in zip(entries, open) where entry.revents != 0 {
                let count = Glibc.read(pipes[index].rawValue, &buffer, buffer.count)
                if count < 0, errno == EINTR { continue }
                guard count > 0 else {
                    open.removeAll { $0 == index }
                    if !partial[index].isEmpty { self.add([partial[index]], &file, error: index == 1) }
                    continue
                }
                self.tap(buffer[..<count], error: index == 1)
                var lines: [[UInt8]] = []
                var start = 0
                for position in 0..<count where buffer[position] == 10 {
                    lines.append(partial[index] + buffer[start...position])
                    partial[index] = []
                    start = position + 1
                }
                partial[index] += buffer[start..<count]
                // A line without end must not grow without bound.
                if partial[index].count > 65536 {
                    lines.append(partial[index])
                    partial[index] = []
                }
                self.add(lines, &file, error: index == 1)
            }
        }
        let followers = self.state.withLock { state in
            state.ended = true
            state.taps = [:]
            defer { state.followers = [:] }
            return Array(state.followers.values)
        }
        // Outside the lock, which is also taken when one has ended.
        for follower in followers { follower.finish() }
    }

    /// Copies what comes from now on into pipes, until the log ends or nobody reads them.
    ///
    /// A reader that is too slow misses what does not fit.
    func tap(output: Descriptor?, error: Descriptor?) {
        for pipe in [output, error].compactMap({ $0 }) { try? pipe.setNonBlocking(true) }
        self.state.withLock { state in
            guard !state.ended else { return }
            state.next += 1
            state.taps[state.next] = Tap(output: output, error: error)
        }
    }

    private func tap(_ bytes: ArraySlice<UInt8>, error: Bool) {
        let taps = self.state.withLock { $0.taps }
        for (id, tap) in taps {
            guard let pipe = error ? tap.error : tap.output else { continue }
            let count = bytes.withUnsafeBytes { write(pipe.rawValue, $0.baseAddress, $0.count) }
            if count < 0, errno == EPIPE { _ = self.state.withLock { $0.taps.removeValue(forKey: id) } }
        }
    }

    private func add(_ texts: [[UInt8]], _ file: inout FileWriter, error: Bool) {
        guard !texts.isEmpty else { return }
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        let moment = Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec)
        let lines = texts.map { Line(moment: moment, bytes: $0) }
        for line in lines { file.write(line, error: error) }
        self.state.withLock { state in
            for line in lines {
                state.lines.append(line)
                state.size += line.bytes.count + 24
                for follower in state.followers.values { follower.yield(line) }
            }
            while state.size > Self.bound, let first = state.lines.popFirst() { state.size -= first.bytes.count + 24 }
        }
    }

    /// The lines so far, and with `follow` those to come; the stream ends with the container.
    func lines(tail: Int?, since: Int64?, follow: Bool) -> AsyncStream<Line> {
        let (stream, continuation) = AsyncStream.makeStream(of: Line.self)
        self.state.withLock { state in
            var lines = Array(state.lines)
            if let since { lines = lines.filter { $0.moment / 1_000_000_000 >= since } }
            if let tail, tail >= 0 { lines = Array(lines.suffix(tail)) }
            for line in lines { continuation.yield(line) }
            guard follow, !state.ended else { return continuation.finish() }
            let id = state.next
            state.next += 1
            state.followers[id] = continuation
            // Not at once: the reader's cancellation holds a lock of its task, which `yield` wants under ours.
            continuation.onTermination = { [weak self] _ in
                Task.detached { _ = self?.state.withLock { $0.followers.removeValue(forKey: id) } }
            }
        }
        return stream
    }

    /// Waits until all that was written is here, at most `bound`: a process that outlives its container may keep a pipe.
    func drained(within bound: Duration) async {
        let lines = self.lines(tail: 0, since: nil, follow: true)
        await withTaskGroup(of: Void.self) { group in
            group.addTask { for await _ in lines {} }
            group.addTask { try? await Task.sleep(for: bound) }
            await group.next()
            group.cancelAll()
        }
    }

    /// The last bytes, for the message of a container that failed.
    func end(_ limit: Int) -> String {
        let lines = self.state.withLock { Array($0.lines.suffix(80)) }
        return String(decoding: lines.flatMap(\.bytes).suffix(limit), as: UTF8.self)
    }

    /// A moment as in `kubectl logs --timestamps`.
    static func text(_ moment: Int64) -> String {
        let fraction = String(moment % 1_000_000_000)
        let zeros = String(repeating: "0", count: 9 - fraction.count)
        return Timestamp.text(seconds: moment / 1_000_000_000).dropLast() + "." + zeros + fraction + "Z"
    }

    /// The file beside the memory, in the format of container runtimes.
    private struct FileWriter: ~Copyable {
        private let path: String?
        private var file: CInt = -1
        private var size = 0

        init(path: String?) {
            self.path = path
            self.reopen()
        }

        deinit { if self.file >= 0 { close(self.file) } }

        private mutating func reopen() {
            guard let path else { return }
            if self.file >= 0 { close(self.file) }
            self.file = Glibc.open(path, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0o640)
        }

        mutating func write(_ line: Line, error: Bool) {
            guard let path, self.file >= 0 else { return }
            let head = Array("\(ContainerLog.text(line.moment)) \(error ? "stderr" : "stdout") F ".utf8)
            let text = head + (line.bytes.last == 10 ? line.bytes : line.bytes + [10])
            _ = Glibc.write(self.file, text, text.count)
            self.size += text.count
            guard self.size > ContainerLog.fileBound else { return }
            rename(path, path + ".1")
            self.size = 0
            self.reopen()
        }
    }
}
