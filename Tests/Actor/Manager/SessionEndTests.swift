import Synchronization
import Testing

@testable import Actor

@Suite("The end of a session's link")
struct SessionEndTests {
    /// Counts from closures that may run anywhere.
    private final class Tally: Sendable {
        private let number = Mutex(0)
        var value: Int { number.withLock { $0 } }
        func add() { number.withLock { $0 += 1 } }
    }

    @Test("What waits for it runs once, however often it comes")
    func once() {
        let (end, tally) = (SessionEnd(), Tally())
        end.whenOver { tally.add() }
        #expect(tally.value == 0)
        end.come()
        end.come()
        #expect(tally.value == 1)
    }

    @Test("Who asks when it has come already is told at once")
    func late() {
        let (end, tally) = (SessionEnd(), Tally())
        end.come()
        end.whenOver { tally.add() }
        #expect(tally.value == 1)
    }

    @Test("Only the last who asked is told")
    func replaced() {
        let (end, first, second) = (SessionEnd(), Tally(), Tally())
        end.whenOver { first.add() }
        end.whenOver { second.add() }
        end.come()
        #expect(first.value == 0)
        #expect(second.value == 1)
    }
}
