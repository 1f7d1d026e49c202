import HTTP2
import NIOCore
import NIOPosix
import TLS

/// All participants but the manager, in one process, each with links of its own.
///
/// Commands, one a line; each is answered by one line of JSON:
///
/// - `agents N PODS`: there are to be N agents, PODS of them to a workload;
/// - `workstations N`: there are to be N workstations, each attached to a workload of its own;
/// - `changes N`: a workstation more attaches and detaches N times; how long everybody waited for the news;
/// - `filter NAME VALUE`: one workstation attaches to workload 0, for requests with this header; it refuses them all;
/// - `tunnels`: how many it was asked for;
/// - `reset`: counts anew; `recovered`: waits until everybody has been welcomed and has his attachment again.
actor Crowd {
    private let place: Place
    private let board = Board()
    private let loops: [any EventLoop]
    private let identity: AgentIdentity
    private let workstationContext: TLSContext
    private var agents = 0
    private var workstations: [SimulatedWorkstation] = []
    private var pods = 1
    private var prober: SimulatedWorkstation?
    private let clock = ContinuousClock()

    init(_ place: Place) throws {
        self.place = place
        loops = (0..<2).map { _ in MultiThreadedEventLoopGroup.singleton.next() }
        identity = try AgentIdentity(place)
        workstationContext = try place.client(Link.forward)
    }

    func run() async throws {
        while let line = readLine() {
            let words = line.split(separator: " ").map(String.init)
            let numbers = words.dropFirst().compactMap { Int($0) }
            let began = clock.now
            var fields: [(String, Double)] = []
            switch (words.first, numbers.count) {
            case ("agents", 2): await addAgents(upTo: numbers[0], pods: numbers[1])
            case ("workstations", 1): try await addWorkstations(upTo: numbers[0])
            case ("changes", 1): fields = try await change(times: numbers[0])
            case ("filter", _) where words.count == 3: try await attach(header: words[1], value: words[2])
            case ("tunnels", 0): fields = [("tunnels", Double(board.summary.counts[.tunnels] ?? 0))]
            case ("reset", 0): board.reset()
            case ("recovered", 0): fields = await recover(since: began)
            default: throw Trouble("no such command: \(line)")
            }
            let trouble = board.summary.trouble
            guard trouble.isEmpty else { throw Trouble(trouble) }
            fields.append(("seconds", Self.seconds(began.duration(to: clock.now))))
            Main.say("{" + fields.map { "\"\($0.0)\": \($0.1)" }.joined(separator: ", ") + "}")
        }
    }

    private func addAgents(upTo count: Int, pods: Int) async {
        self.pods = pods
        while agents < count {
            // Not all at once: the measurement of that is the recovery.
            let next = min(count, agents + 256)
            for number in agents..<next {
                let agent = SimulatedAgent(
                    place: place,
                    identity: identity,
                    eventLoop: loops[number % loops.count],
                    board: board,
                    workload: number / pods,
                    pods: pods,
                    number: number % pods
                )
                Task { await agent.run() }
            }
            agents = next
            await board.until(.count(.agents, agents))
        }
    }

    /// Workload 0 is for the one that is measured; the others have one workstation each.
    private func addWorkstations(upTo count: Int) async throws {
        guard count < agents / pods else { throw Trouble("\(count) workstations need more workloads") }
        if prober == nil {
            let workstation = workstation("prober", 0, isCounted: false)
            prober = workstation
            Task { await workstation.run() }
        }
        while workstations.count < count {
            let first = workstations.count
            let next = min(count, first + 64)
            for number in first..<next {
                let workstation = workstation("user\(number)", number + 1)
                workstations.append(workstation)
                Task { await workstation.run() }
            }
            await board.until(.count(.workstations, next + 1))
            for number in first..<next { try await workstations[number].attach() }
        }
        await board.until(.count(.attachments, count))
    }

    /// The one workstation of the benchmark of the agent.
    private func attach(header: String, value: String) async throws {
        let workstation = workstation("filter", 0, isCounted: false)
        prober = workstation
        Task { await workstation.run() }
        await board.until(.count(.workstations, 1))
        try await workstation.attach(["http", "h2c"], headers: [header: value])
    }

    private func workstation(_ name: String, _ workload: Int, isCounted: Bool = true) -> SimulatedWorkstation {
        SimulatedWorkstation(
            place,
            workstationContext,
            loops[workload % loops.count],
            board,
            name: name,
            workload: workload,
            pods: pods,
            isCounted: isCounted
        )
    }

    /// Attaches and detaches; medians and worst in microseconds.
    private func change(times: Int) async throws -> [(String, Double)] {
        guard let prober else { throw Trouble("no workstation") }
        var (attachTold, attachAnswered, detachTold): ([Double], [Double], [Double]) = ([], [], [])
        for _ in 0..<times {
            board.watch(0)
            var began = clock.now
            try await prober.attach()
            attachAnswered.append(Self.seconds(began.duration(to: clock.now)) * 1e6)
            await board.until(.told(pods))
            if let told = board.toldAt { attachTold.append(Self.seconds(began.duration(to: told)) * 1e6) }
            board.watch(0)
            began = clock.now
            try await prober.detach()
            await board.until(.told(pods))
            if let told = board.toldAt { detachTold.append(Self.seconds(began.duration(to: told)) * 1e6) }
        }
        func figures(_ name: String, _ values: [Double]) -> [(String, Double)] {
            let sorted = values.sorted()
            return [("\(name)-p50", sorted[sorted.count / 2]), ("\(name)-p99", sorted[sorted.count * 99 / 100])]
        }
        return figures("attach-told", attachTold) + figures("attach-answered", attachAnswered)
            + figures("detach-told", detachTold)
    }

    /// Waits until everybody is back; seconds until the agents, the workstations and the attachments were.
    private func recover(since began: ContinuousClock.Instant) async -> [(String, Double)] {
        await board.until(.count(.agents, agents))
        let agentsBack = Self.seconds(began.duration(to: clock.now))
        await board.until(.count(.workstations, workstations.count + 1))
        await board.until(.count(.attachments, workstations.count))
        return [
            ("agents", agentsBack), ("attachments", Self.seconds(began.duration(to: clock.now))),
            ("different", Double(board.summary.differentIDs)),
        ]
    }

    private static func seconds(_ duration: Duration) -> Double {
        Double(duration.components.seconds) + Double(duration.components.attoseconds) / 1e18
    }
}
