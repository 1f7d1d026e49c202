import Actor
import Glibc
import Logging
import NIOCore
import NIOPosix

/// The end of an agent: it serves on until nobody sends it connections any more.
///
/// The kubelet's SIGTERM and the removal of the pod from the services' endpoints begin at the same moment; until every node knows of
/// the removal, new connections still come, and refusing them would lose requests.
struct AgentDrain: Sendable {
    /// How long new connections are expected after SIGTERM.
    var linger = Duration.seconds(3)
    /// How long open connections may take to end after that.
    var lastConnections = Duration.seconds(20)

    let agent: TrafficAgent
    let link: AgentLink
    /// The app's address and its TCP ports.
    let appHost: String
    let appPorts: [UInt16]

    /// Waits until the agent may end.
    ///
    /// - Parameters:
    ///   - readyFile: what the readiness probe looks for; it is removed first.
    ///   - listeners: closed when no new connections are expected any more.
    func run(readyFile: String, listeners: [any Channel]) async {
        unlink(readyFile)
        let clock = ContinuousClock()
        let began = clock.now
        while clock.now - began < linger, !Task.isCancelled {
            // Nobody is left who could answer.
            if await !agent.isHolding, await appIsGone() { break }
            try? await Task.sleep(for: .milliseconds(100))
        }
        for listener in listeners { try? await listener.close() }
        let closed = clock.now
        while await openConnections() > 0, clock.now - closed < lastConnections, !Task.isCancelled {
            try? await Task.sleep(for: .milliseconds(20))
        }
    }

    private func openConnections() async -> Int {
        (try? await link.eventLoop.submit { [link] in link.counts.open }.get()) ?? 0
    }

    /// Whether no port of the app takes connections.
    private func appIsGone() async -> Bool {
        for port in appPorts {
            let dial = ClientBootstrap(group: link.eventLoop).connectTimeout(.milliseconds(500))
            if let channel = try? await dial.connect(host: appHost, port: Int(port)).get() {
                channel.close(promise: nil)
                return false
            }
        }
        return true
    }
}
