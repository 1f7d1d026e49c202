import Actor
import Kernel
import NIOCore

/// Gives the pages of the agent's code back when it has had nothing to do for a while: an agent mostly waits, and there are many.
struct IdlePages: Sendable {
    /// So long without a connection and without a change of attachments is idle.
    var period = Duration.seconds(10)

    let agent: TrafficAgent
    let link: AgentLink

    /// Runs until it is cancelled.
    func run() async {
        var last: [UInt64] = []
        var isReleased = false
        while !Task.isCancelled {
            let work = await work()
            if work != last {
                last = work
                isReleased = false
            } else if !isReleased {
                ProgramPages.release()
                isReleased = true
            }
            try? await Task.sleep(for: period)
        }
    }

    /// Changes with all that an agent does.
    private func work() async -> [UInt64] {
        let counts = try? await link.eventLoop.submit { [link] in
            [link.counts.app, link.counts.workstation, link.counts.fallback, UInt64(link.counts.open)]
        }.get()
        return await (counts ?? []) + [UInt64(agent.statusRows().count)]
    }
}
