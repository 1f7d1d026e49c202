import Actor
import Message
import Testing

@Suite("The user daemon's connection")
struct ConnectionMachineTests {
    private var request: ConnectRequest {
        var request = ConnectRequest()
        request.context = "kind"
        request.environment = ["A": "1"]
        return request
    }

    private var info: ConnectionInfo {
        var info = ConnectionInfo()
        info.context = "kind"
        info.namespace = "default"
        return info
    }

    @Test("opens once, and says that it is there the second time, whatever the environment")
    func connectTwice() {
        var machine = ConnectionMachine()
        let value1 = machine.connect(request)
        #expect(value1 == .open)
        let value2 = machine.name
        #expect(value2 == "connecting")
        let value3 = machine.opened(info)
        #expect(value3)
        var again = request
        again.environment = ["B": "2"]
        guard case .already(let answer) = machine.connect(again) else {
            Issue.record("the same connection is not recognised")
            return
        }
        #expect(answer.alreadyConnected)
        #expect(answer.context == "kind")
    }

    @Test("refuses another connection while one is there or being made")
    func refusesOthers() {
        var machine = ConnectionMachine()
        let value4 = machine.connect(request)
        #expect(value4 == .open)
        guard case .refuse = machine.connect(request) else {
            Issue.record("a second connect during the first is not refused")
            return
        }
        let value5 = machine.opened(info)
        #expect(value5)
        var other = request
        other.namespace = "other"
        guard case .refuse(let reason) = machine.connect(other) else {
            Issue.record("another connection is not refused")
            return
        }
        #expect(reason.contains("quit"))
        #expect(reason.contains("default"))
    }

    @Test("is idle again after a failure, and after a quit in any state")
    func returnsToIdle() {
        var machine = ConnectionMachine()
        let value6 = machine.quit()
        #expect(!value6)
        _ = machine.connect(request)
        machine.failed()
        let value7 = machine.name
        #expect(value7 == "disconnected")
        _ = machine.connect(request)
        let value8 = machine.quit()
        #expect(value8)
        // What was being opened is not wanted any more.
        let value9 = machine.opened(info)
        #expect(!value9)
        _ = machine.connect(request)
        _ = machine.opened(info)
        _ = machine.lost()
        let value10 = machine.quit()
        #expect(value10)
        let value11 = machine.attemptFailed(0.5)
        #expect(value11 == nil)
        let value12 = machine.resumed { _ in }
        #expect(!value12)
        let value13 = machine.info
        #expect(value13 == nil)
    }

    @Test("waits 250 ms before it reconnects, doubling up to 5 s, and starts anew after each success")
    func backsOff() {
        var machine = ConnectionMachine()
        _ = machine.connect(request)
        _ = machine.opened(info)
        let value14 = machine.lost()
        #expect(value14 == request)
        let value15 = machine.lost()
        #expect(value15 == nil)
        var waits: [Duration] = []
        for _ in 0..<8 {
            if let wait = machine.attemptFailed(0.5) { waits.append(wait) }
        }
        #expect(waits == [250, 500, 1000, 2000, 4000, 5000, 5000, 5000].map { .milliseconds($0) })
        let value16 = machine.resumed { $0.sessionID = "new" }
        #expect(value16)
        let value17 = machine.info?.sessionID
        #expect(value17 == "new")
        _ = machine.lost()
        let value18 = machine.attemptFailed(0.5)
        #expect(value18 == .milliseconds(250))
    }

    @Test("keeps what is known of the connection while it reconnects")
    func keepsInfo() {
        var machine = ConnectionMachine()
        _ = machine.connect(request)
        _ = machine.opened(info)
        _ = machine.lost()
        machine.update { $0.dnsAddress = "10.96.0.10" }
        let value19 = machine.name
        #expect(value19 == "reconnecting")
        let value20 = machine.info?.dnsAddress
        #expect(value20 == "10.96.0.10")
    }
}
