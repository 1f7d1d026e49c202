import Glibc
import Kernel
import Synchronization

/// Measures one path, with blocking sockets and a thread for each connection.
enum Load {
    /// Seconds of each measurement.
    private static let duration = 1.5

    private final class Totals: Sendable {
        let bytes = Atomic<Int>(0)
        let count = Atomic<Int>(0)
        let failed = Atomic<Int>(0)
        let rounds = Mutex<[Double]>([])
    }

    /// Runs one of the commands.
    static func run(_ words: [String]) throws(SystemError) {
        guard words.count >= 3, let endpoint = InternetEndpoint(words[words.count == 3 && words[0] == "relay" ? 2 : 1])
        else {
            if words.count == 2, let endpoint = InternetEndpoint(words[1]) { return try measure(words[0], endpoint, 1) }
            throw SystemError("usage", "up|down|ping|connect HOST:PORT [N], relay DESCRIPTOR HOST:PORT", code: EINVAL)
        }
        if words[0] == "relay", let number = CInt(words[1]) {
            try Relay.serve(Descriptor(number), to: endpoint)
        } else {
            try measure(words[0], endpoint, Int(words[2]) ?? 1)
        }
    }

    private static func measure(_ kind: String, _ endpoint: InternetEndpoint, _ workers: Int) throws(SystemError) {
        var share = 0
        if kind == "down" {
            // Each connection is read to its end: cutting off what is under way would disturb what is measured next. So a
            // short run tells how much fits into the duration.
            let (totals, seconds) = try round(kind, endpoint, workers, share: (16 << 20) / workers)
            let rate = Double(totals.bytes.load(ordering: .relaxed)) / seconds
            share = Int(max(rate * duration, Double(4 << 20))) / workers
        }
        let (totals, seconds) = try round(kind, endpoint, workers, share: share)
        let rounds = totals.rounds.withLock { $0.sorted() }
        let fields = [
            "\"seconds\": \(seconds)",
            "\"bytes\": \(totals.bytes.load(ordering: .relaxed))",
            "\"count\": \(totals.count.load(ordering: .relaxed))",
            "\"failed\": \(totals.failed.load(ordering: .relaxed))",
            "\"p50\": \(rounds.isEmpty ? 0 : rounds[rounds.count / 2])",
            "\"p99\": \(rounds.isEmpty ? 0 : rounds[rounds.count * 99 / 100])",
        ]
        print("{\(fields.joined(separator: ", "))}")
    }

    /// Runs the workers to their end; tells how long that took.
    private static func round(
        _ kind: String,
        _ endpoint: InternetEndpoint,
        _ workers: Int,
        share: Int
    ) throws(SystemError) -> (Totals, Double) {
        let totals = Totals()
        let began = now()
        var threads: [pthread_t] = []
        for _ in 0..<workers {
            threads.append(
                try DedicatedThread.start {
                    do throws(SystemError) {
                        switch kind {
                        case "up": try up(endpoint, totals)
                        case "down": try down(endpoint, share, totals)
                        case "ping": try ping(endpoint, totals)
                        default: connect(endpoint, totals)
                        }
                    } catch {
                        totals.failed.add(1, ordering: .relaxed)
                    }
                }
            )
        }
        for thread in threads { DedicatedThread.join(thread) }
        return (totals, now() - began)
    }

    /// A connection on which nothing takes longer than ten seconds.
    private static func open(_ endpoint: InternetEndpoint) throws(SystemError) -> Descriptor {
        let socket = try Sockets.connectTCP(endpoint)
        var limit = timeval(tv_sec: 10, tv_usec: 0)
        for option in [SO_RCVTIMEO, SO_SNDTIMEO] {
            _ = setsockopt(socket.rawValue, SOL_SOCKET, option, &limit, socklen_t(MemoryLayout<timeval>.size))
        }
        return socket
    }

    /// Sends for the duration; counts what the far side says that it has got.
    private static func up(_ endpoint: InternetEndpoint, _ totals: Totals) throws(SystemError) {
        let socket = try open(endpoint)
        let block = [UInt8](repeating: 0x5a, count: 256 << 10)
        try send(socket, Array("up\n".utf8))
        let end = now() + duration
        while now() < end { try send(socket, block) }
        _ = shutdown(socket.rawValue, CInt(SHUT_WR))
        var answer: [UInt8] = []
        var chunk = [UInt8](repeating: 0, count: 256)
        while case let count = recv(socket.rawValue, &chunk, chunk.count, 0), count > 0 { answer += chunk[..<count] }
        let words = String(decoding: answer, as: UTF8.self).split(separator: " ")
        guard let got = words.first.flatMap({ Int($0) }) else { throw SystemError("answer", code: EPROTO) }
        totals.bytes.add(got, ordering: .relaxed)
    }

    /// Reads so many bytes, to the end.
    private static func down(_ endpoint: InternetEndpoint, _ share: Int, _ totals: Totals) throws(SystemError) {
        let socket = try open(endpoint)
        try send(socket, Array("down \(share)\n".utf8))
        var block = [UInt8](repeating: 0, count: 256 << 10)
        var total = 0
        while case let count = recv(socket.rawValue, &block, block.count, 0), count > 0 { total += count }
        guard total == share else { throw .last("receive") }
        totals.bytes.add(total, ordering: .relaxed)
    }

    /// Sends 64 bytes and waits for them, again and again; keeps the microseconds of each round.
    private static func ping(_ endpoint: InternetEndpoint, _ totals: Totals) throws(SystemError) {
        let socket = try open(endpoint)
        try Sockets.set(socket, CInt(IPPROTO_TCP), TCP_NODELAY, 1)
        let end = now() + duration
        var rounds: [Double] = []
        while true {
            let began = now()
            guard began < end else { break }
            try echo(socket)
            rounds.append((now() - began) * 1e6)
        }
        // The first ones warm caches up.
        let kept = rounds.dropFirst(rounds.count / 20)
        totals.rounds.withLock { $0 += kept }
    }

    /// Connects, exchanges 64 bytes, closes, again and again.
    private static func connect(_ endpoint: InternetEndpoint, _ totals: Totals) {
        let end = now() + duration
        while now() < end {
            do throws(SystemError) {
                try echo(try open(endpoint))
                totals.count.add(1, ordering: .relaxed)
            } catch {
                totals.failed.add(1, ordering: .relaxed)
            }
        }
    }

    private static func echo(_ socket: Descriptor) throws(SystemError) {
        var block = [UInt8](repeating: 0x5a, count: 64)
        try send(socket, block)
        guard recv(socket.rawValue, &block, 64, CInt(MSG_WAITALL)) == 64 else { throw .last("receive") }
    }

    private static func send(_ socket: Descriptor, _ bytes: [UInt8]) throws(SystemError) {
        var sent = 0
        while sent < bytes.count {
            let count = bytes.withUnsafeBytes { raw in
                Glibc.send(socket.rawValue, raw.baseAddress.map { $0 + sent }, raw.count - sent, 0)
            }
            guard count > 0 else { throw .last("send") }
            sent += count
        }
    }

    /// Seconds of the monotonic clock.
    private static func now() -> Double {
        var time = timespec()
        clock_gettime(CLOCK_MONOTONIC, &time)
        return Double(time.tv_sec) + Double(time.tv_nsec) / 1e9
    }
}
