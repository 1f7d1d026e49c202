package import Call
package import Logging
package import Message
import Synchronization

/// Answers the service `Status` of a component, or passes calls on to the component that they are for.
package struct StatusService: Sendable {
    /// Times of a watch.
    package struct Pace: Sendable {
        /// Changes are gathered for so long.
        package var interval = Duration.milliseconds(200)
        /// Reports with nothing but numbers come no oftener than this.
        package var figures = Duration.seconds(1)

        package init() {}
    }

    /// Watches and followed logs at once.
    private static let streamLimit = 32
    /// Longest time that another component may take to begin its answer.
    private static let levelTimeout = Duration.seconds(10)

    private let board: StatusBoard
    private let logs: LogStore
    private let access: any StatusAccess
    private let pace: Pace
    private let streams = StreamCount()

    /// Makes the service of the component that `board` and `logs` belong to.
    package init(board: StatusBoard, access: any StatusAccess, logs: LogStore = .shared, pace: Pace = Pace()) {
        self.board = board
        self.logs = logs
        self.access = access
        self.pace = pace
    }

    /// Registers the methods; without `operable` nothing but `Watch`.
    package func register(on router: inout CallRouter, operable: Bool = true) {
        router.serverStream(StatusCalls.watch) { [self] request, writer, context in
            let target = try Self.target(request.target)
            if let onward = try await access.onward(to: target, .state, context) {
                var passed = request
                passed.target = onward.target
                return try await Self.pass(
                    try await onward.client.serverStream(StatusCalls.watch, passed),
                    to: writer
                )
            }
            try await counted { try await watch(request, writer, try await access.viewer(context)) }
        }
        guard operable else { return }
        router.serverStream(StatusCalls.logs) { [self] request, writer, context in
            let target = try Self.target(request.target)
            if let onward = try await access.onward(to: target, .log, context) {
                var passed = request
                passed.target = onward.target
                return try await Self.pass(try await onward.client.serverStream(StatusCalls.logs, passed), to: writer)
            }
            try await access.mayOperate(context)
            try await counted {
                let (kept, coming) = logs.read(request)
                for line in kept { try await writer.send(line) }
                guard let coming else { return }
                for await line in coming { try await writer.send(line) }
            }
        }
        router.unary(StatusCalls.setLogLevel) { [self] request, context in
            let target = try Self.target(request.target)
            if let onward = try await access.onward(to: target, .level, context) {
                var passed = request
                passed.target = onward.target
                return try await onward.client.unary(StatusCalls.setLogLevel, passed, timeout: Self.levelTimeout)
            }
            try await access.mayOperate(context)
            return try await setLevel(request)
        }
    }

    private static func target(_ text: String) throws(CallStatus) -> StatusTarget {
        guard let target = StatusTarget(text) else {
            throw CallStatus(
                .invalidArgument,
                "\"\(text)\" is no component; there are userd, rootd, manager, agent/POD and session/ID"
            )
        }
        return target
    }

    private static func pass<Message: WireMessage>(
        _ messages: CallMessages<Message>,
        to writer: CallWriter<Message>
    ) async throws {
        for try await message in messages { try await writer.send(message) }
    }

    private func counted(_ body: () async throws -> Void) async throws {
        guard streams.begin(limit: Self.streamLimit) else {
            throw CallStatus(.resourceExhausted, "\(Self.streamLimit) watch already")
        }
        defer { streams.end() }
        try await body()
    }

    // MARK: watch

    private func watch(
        _ request: StatusRequest,
        _ writer: CallWriter<StatusReport>,
        _ viewer: StatusViewer
    ) async throws {
        let clock = ContinuousClock()
        var known = await board.sample(for: viewer)
        for page in known.pages() { try await writer.send(page) }
        guard !request.once else { return }
        var wait = pace.interval
        var figuresDue = clock.now
        while true {
            try await Task.sleep(for: wait)
            let began = clock.now
            let fresh = await board.sample(for: viewer)
            // Looking takes no more than a twentieth of the time, however much there is to see.
            wait = max(pace.interval, (clock.now - began) * 20)
            let change = fresh.changes(since: known)
            guard !change.isEmpty else { continue }
            if change.isFiguresOnly {
                guard clock.now >= figuresDue else { continue }
            }
            figuresDue = clock.now + pace.figures
            known = fresh
            for page in change.pages() { try await writer.send(page) }
        }
    }

    // MARK: level

    private func setLevel(_ request: LogLevelRequest) async throws(CallStatus) -> LogLevelResult {
        let former = try logs.apply(request)
        let agents = request.agents ? await access.spread(request) : 0
        return LogLevelResult(former: former.rawValue, agents: agents)
    }
}

extension LogStore {
    /// Changes the level as a request says; returns the former.
    package func apply(_ request: LogLevelRequest) throws(CallStatus) -> Logger.Level {
        guard let level = Logger.Level(rawValue: request.level.lowercased()) else {
            let known = Logger.Level.allCases.map(\.rawValue).joined(separator: ", ")
            throw CallStatus(.invalidArgument, "\"\(request.level)\" is no log level; there are \(known)")
        }
        // A year is for ever, and no sum of times overflows.
        let seconds = min(request.durationSeconds, 31_536_000)
        let former = setLevel(level, for: seconds == 0 ? nil : .seconds(Int64(seconds)))
        append(
            .notice,
            label: "log",
            "level changed level=\(level) former=\(former) seconds=\(seconds)"
        )
        return former
    }
}

/// Counts streams under way.
private final class StreamCount: Sendable {
    private let value = Mutex(0)

    func begin(limit: Int) -> Bool {
        value.withLock {
            guard $0 < limit else { return false }
            $0 += 1
            return true
        }
    }

    func end() { value.withLock { $0 -= 1 } }
}
