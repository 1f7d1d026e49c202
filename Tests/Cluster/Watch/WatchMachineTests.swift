import Cluster
import Testing

@Suite struct WatchMachineTests {
    private func error(_ kind: APIError.Kind, retryAfter: Int? = nil) -> APIError {
        APIError(kind: kind, message: "x", retryAfterSeconds: retryAfter)
    }

    @Test("a list is followed by a watch from its version, an ended watch by one from the last event") func resume() {
        var machine = WatchMachine()
        #expect(machine.onWaited() == .list)
        #expect(machine.onListed(resourceVersion: "5") == .watch(from: "5"))
        machine.onEvent(resourceVersion: "7")
        #expect(machine.onEnded(lasted: 300, jitter: 0) == .watch(from: "7"))
        #expect(machine.onFailed(error(.unreachable), jitter: 1) == .wait(seconds: 0.25))
        #expect(machine.onWaited() == .watch(from: "7"))
    }

    @Test("an expired version lists again, at once the first time") func gone() {
        var machine = WatchMachine()
        _ = machine.onListed(resourceVersion: "5")
        #expect(machine.onFailed(error(.gone), jitter: 0) == .list)
        _ = machine.onListed(resourceVersion: "6")
        guard case .wait = machine.onFailed(error(.gone), jitter: 0) else {
            Issue.record("a circle without waiting")
            return
        }
        #expect(machine.onWaited() == .list)
    }

    @Test("waits grow, keep to what the server asks for, and start anew after an event") func waits() {
        var machine = WatchMachine()
        _ = machine.onListed(resourceVersion: "5")
        var waits: [Double] = []
        for _ in 0..<9 {
            guard case .wait(let seconds) = machine.onFailed(error(.serverFailure), jitter: 1) else { return }
            waits.append(seconds)
        }
        #expect(waits == [0.25, 0.5, 1, 2, 4, 8, 16, 30, 30])
        #expect(machine.onFailed(error(.tooManyRequests, retryAfter: 60), jitter: 0) == .wait(seconds: 60))
        machine.onEvent(resourceVersion: "8")
        #expect(machine.onFailed(error(.serverFailure), jitter: 1) == .wait(seconds: 0.25))
    }

    @Test("a first list that is not allowed fails; later refusals are waited out") func refusals() {
        var machine = WatchMachine()
        #expect(machine.onFailed(error(.forbidden), jitter: 0) == .fail)
        _ = machine.onListed(resourceVersion: "5")
        guard case .wait = machine.onFailed(error(.unauthorized), jitter: 0) else {
            Issue.record("gave up")
            return
        }
        #expect(machine.onFailed(error(.cancelled), jitter: 0) == .fail)
    }

    @Test("watches that end at once are not asked in a circle") func shortWatches() {
        var machine = WatchMachine()
        _ = machine.onListed(resourceVersion: "5")
        #expect(machine.onEnded(lasted: 0, jitter: 1) == .wait(seconds: 0.25))
        #expect(machine.onEnded(lasted: 0, jitter: 1) == .wait(seconds: 0.5))
    }
}
