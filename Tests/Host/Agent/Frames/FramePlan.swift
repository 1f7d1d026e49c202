import TestSupport

@testable import HTTP2

/// What one connection of the differential test of HTTP/2 says and is answered, from a seed.
struct FramePlan: Sendable {
    /// A request and its response.
    struct Exchange: Sendable {
        let number: Int
        /// Who answers it behind the gate.
        var who = "app"
        var request = FrameScript()
        var response = FrameScript()
        /// Others do not wait for its end.
        var isLeftBehind = false

        /// Its server takes no new requests on this connection.
        var leaves: Bool {
            response.steps.contains { if case .goAway = $0 { true } else { false } }
        }
    }

    /// Of the client.
    private(set) var settings = FramePeer.Settings()
    /// Requests that are said at once.
    private(set) var phases: [[Exchange]] = []

    var exchanges: some Sequence<Exchange> { phases.joined() }

    /// A connection of so many requests, beginning with number `first`.
    init(seed: UInt64, first: Int, count: Int) {
        var maker = FrameMaker(seed: seed)
        settings.window = maker.pick([65_535, 65_535, 16_384, 1 << 20])
        settings.frame = maker.pick([16_384, 100_000])
        settings.table = maker.pick([4096, 4096, 0, 100])
        var next = first
        let end = first + count
        var stuck: Exchange?
        while next < end {
            if let former = stuck {
                // What it waits for goes to the same server.
                phases.append([maker.exchange(next, .plain, who: former.who)])
                stuck = nil
                next += 1
            } else if maker.chance(8) {
                phases.append([maker.exchange(next, .leaving)])
                next += 1
            } else {
                let size = min(maker.number(1...24), end - next)
                var phase = (0..<size).map { maker.exchange(next + $0) }
                next += size
                if maker.chance(20), next < end, size > 1 {
                    phase[0] = maker.exchange(phase[0].number, .stuckUpload, releasedBy: next)
                    stuck = phase[0]
                }
                if maker.chance(20), size > 1 {
                    phase[size - 1] = maker.exchange(phase[size - 1].number, .stuckDownload)
                }
                phases.append(phase)
            }
        }
    }
}
