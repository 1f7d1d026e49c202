import Glibc
import Kernel
import Testing

@Suite struct SignalsTests {
    @Test("a signal is what it was once nobody listens any more, and not before")
    func held() async {
        // Nothing else here uses it; by itself it would end the tests.
        let held = Signals(SIGUSR2)
        let one = Signals(SIGUSR2)
        kill(getpid(), SIGUSR2)
        #expect(await one.first() == SIGUSR2)
        one.end()
        kill(getpid(), SIGUSR2)
        var numbers = held.numbers.makeAsyncIterator()
        #expect(await numbers.next() == SIGUSR2)
        #expect(await numbers.next() == SIGUSR2)
        held.end()
        #expect(await numbers.next() == nil)
        var now = sigaction()
        sigaction(SIGUSR2, nil, &now)
        #expect(now.__sigaction_handler.sa_handler == nil)
    }
}
