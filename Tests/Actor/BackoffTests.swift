import Actor
import Testing

@Suite struct BackoffTests {
    @Test("Waits double up to a limit, and begin anew after a success")
    func doubles() {
        var backoff = Backoff(first: .milliseconds(100), limit: .milliseconds(500))
        let waits = (0..<5).map { _ in backoff.next(0.5) }
        #expect(waits == [100, 200, 400, 500, 500].map { .milliseconds($0) })
        backoff.reset()
        let first = backoff.next(0.5)
        #expect(first == .milliseconds(100))
    }

    @Test("Chance spreads a wait over half to one and a half of it")
    func spreads() {
        var (low, high) = (Backoff(), Backoff())
        let waits = (low.next(0), high.next(0.999))
        #expect(waits.0 == .milliseconds(125))
        #expect(waits.1 < .milliseconds(375) && waits.1 > .milliseconds(370))
    }
}
