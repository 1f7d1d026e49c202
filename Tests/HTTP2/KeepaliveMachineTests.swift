import NIOCore
import Testing

@testable import HTTP2

@Suite struct KeepaliveMachineTests {
    private let zero = NIODeadline.uptimeNanoseconds(0)

    @Test("silence is probed, and given up after the misses")
    func silence() {
        var machine = KeepaliveMachine(idle: .seconds(15), timeout: .seconds(5), misses: 2, now: self.zero)
        #expect(machine.onTimer(now: self.zero + .seconds(1)) == .wait(until: self.zero + .seconds(15)))
        #expect(machine.onTimer(now: self.zero + .seconds(15)) == .probe(next: self.zero + .seconds(20)))
        #expect(machine.onTimer(now: self.zero + .seconds(20)) == .probe(next: self.zero + .seconds(25)))
        #expect(machine.onTimer(now: self.zero + .seconds(25)) == .dead)
    }

    @Test("anything heard counts as an answer")
    func heard() {
        var machine = KeepaliveMachine(idle: .seconds(15), timeout: .seconds(5), misses: 2, now: self.zero)
        #expect(machine.onTimer(now: self.zero + .seconds(15)) == .probe(next: self.zero + .seconds(20)))
        machine.heard(at: self.zero + .seconds(16))
        #expect(machine.onTimer(now: self.zero + .seconds(20)) == .wait(until: self.zero + .seconds(31)))
    }
}
