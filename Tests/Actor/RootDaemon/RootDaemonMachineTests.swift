import Testing

@testable import Actor

@Suite("The root daemon's machine")
struct RootDaemonMachineTests {
    private let one = RootOwner(link: 1, process: 100)
    private let two = RootOwner(link: 2, process: 200)

    @Test("One owner at a time")
    func oneOwner() {
        var machine = RootDaemonMachine()
        #expect(machine.setUp(one) == .begin)
        guard case .refuse(let early) = machine.setUp(two) else {
            Issue.record("a second owner was let in during the set-up")
            return
        }
        #expect(early.kind == .busy)
        machine.setUpEnded(success: true)
        #expect(machine.owner == one)
        guard case .refuse(let failure) = machine.setUp(two) else {
            Issue.record("a second owner was let in")
            return
        }
        #expect(failure.description == "the network is in use by the user daemon with process id 100")
        guard case .refuse = machine.tearDown(two) else {
            Issue.record("a stranger may tear down")
            return
        }
        #expect(machine.lost(two) == .nothing)
        #expect(machine.owner == one)
        #expect(machine.tearDown(one) == .undo)
        #expect(machine.tearDown(one) == .nothing)
        #expect(machine.setUp(two) == .begin)
    }

    @Test("A failed set-up leaves the place free")
    func failed() {
        var machine = RootDaemonMachine()
        #expect(machine.setUp(one) == .begin)
        machine.setUpEnded(success: false)
        #expect(machine.owner == nil)
        #expect(machine.setUp(two) == .begin)
    }

    @Test("The loss of the owner's link, and the daemon's end, undo once")
    func lost() {
        var machine = RootDaemonMachine()
        #expect(machine.setUp(one) == .begin)
        machine.setUpEnded(success: true)
        #expect(machine.lost(one) == .undo)
        #expect(machine.lost(one) == .nothing)
        #expect(machine.shutDown() == .nothing)
        #expect(machine.setUp(two) == .begin)
        machine.setUpEnded(success: true)
        #expect(machine.shutDown() == .undo)
    }
}
