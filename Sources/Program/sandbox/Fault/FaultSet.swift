import ArgumentParser
import Sandbox

/// `sandbox fault set`, which is what `sandbox fault` does by itself.
struct FaultSet: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "set",
        abstract: "Change what goes wrong, or have something happen once."
    )

    @OptionGroup var state: StateOptions

    @Option(help: "Share of API requests that are answered with 429.")
    var throttle: Double?
    @Option(help: "Seconds that those answers name as Retry-After.")
    var retryAfter: Int?
    @Option(help: "Share of API requests that fail.")
    var errors: Double?
    @Option(help: "The status of those that fail.")
    var errorCode: Int?
    @Option(help: "Milliseconds that every API request waits.")
    var delay: Int?
    @Option(
        help: ArgumentHelp(
            "Disturb only requests of users or programs (User-Agent) whose names begin so; may be repeated.",
            valueName: "name"
        )
    )
    var only: [String] = []
    @Option(help: "Cut every new watch after so many seconds; 0 for never.")
    var watchSeconds: Int?
    @Option(help: "Milliseconds that port-forwards, exec and attach begun from now on hold bytes back, each way.")
    var forwardDelay: Int?
    @Option(help: "The longest life of service account tokens issued from now on, in seconds; 0 for no bound.")
    var tokenLifetime: Int?
    @Option(help: "Share of packets from and to pods that are lost; 1 cuts them off.")
    var podLoss: Double?
    @Option(
        help: ArgumentHelp(
            "Only pods whose NAMESPACE/NAME begins so lose packets; may be repeated.",
            valueName: "namespace/name"
        )
    )
    var pod: [String] = []
    @Option(
        help: ArgumentHelp(
            "Refuse port-forwards by this way (\(FaultPlan.forwardWays.joined(separator: ", "))); may be repeated.",
            valueName: "protocol"
        )
    )
    var refuseForward: [String] = []
    @Option(
        help: ArgumentHelp(
            "End port-forwards to pods whose NAMESPACE/NAME begins so and refuse new ones; may be repeated.",
            valueName: "namespace/name"
        )
    )
    var sever: [String] = []
    @Flag(help: "End every open watch now.")
    var cutWatches = false
    @Flag(help: "Make every service account token issued so far invalid now; pods' volumes get new ones.")
    var expireTokens = false
    @Flag(help: "Restart the API server now: its connections end, and it listens again on the same port.")
    var restartAPI = false
    @Option(help: "Milliseconds that the API server is away for --restart-api.")
    var downtime = 500

    func validate() throws {
        for (name, share) in [("--throttle", throttle), ("--errors", errors), ("--pod-loss", podLoss)] {
            guard let share else { continue }
            guard (0...1).contains(share) else {
                throw ValidationError("\(name) \(share): expected a share between 0 and 1")
            }
        }
        if let errorCode, !(400...599).contains(errorCode) {
            throw ValidationError("--error-code \(errorCode): expected a status between 400 and 599")
        }
        if let way = refuseForward.first(where: { !FaultPlan.forwardWays.contains($0) }) {
            let ways = FaultPlan.forwardWays.joined(separator: ", ")
            throw ValidationError("--refuse-forward \(way): expected one of \(ways)")
        }
        let numbers = [
            ("--retry-after", retryAfter), ("--delay", delay), ("--watch-seconds", watchSeconds),
            ("--forward-delay", forwardDelay), ("--token-lifetime", tokenLifetime), ("--downtime", downtime),
        ]
        for (name, number) in numbers {
            if let number, !(0...3_600_000).contains(number) {
                throw ValidationError("\(name) \(number): expected a number from 0 to 3600000")
            }
        }
    }

    func run() async throws {
        try FaultControl(self.state.directory).send { order in
            if let throttle { order.plan.throttle = throttle }
            if let retryAfter { order.plan.retryAfter = retryAfter }
            if let errors { order.plan.errors = errors }
            if let errorCode { order.plan.errorCode = errorCode }
            if let delay { order.plan.delay = delay }
            if !only.isEmpty { order.plan.only = only }
            if let watchSeconds { order.plan.watchSeconds = watchSeconds }
            if let forwardDelay { order.plan.forwardDelay = forwardDelay }
            if let tokenLifetime { order.plan.tokenLifetime = tokenLifetime }
            if let podLoss { order.plan.podLoss = podLoss }
            if !pod.isEmpty { order.plan.pods = pod }
            if !refuseForward.isEmpty { order.plan.refusedWays = refuseForward }
            if !sever.isEmpty { order.plan.severed = sever }
            if cutWatches { order.actions.append(.cutWatches) }
            if expireTokens { order.actions.append(.expireTokens) }
            if restartAPI { order.actions.append(.restartAPI) }
            order.downtime = downtime
        }
    }
}
