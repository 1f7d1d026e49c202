import Cluster
import Glibc

/// Hands orders for faults to a running sandbox: by a file, and a signal that says to read it.
package struct FaultControl: Sendable {
    private let state: StateDirectory

    /// For the sandbox of a state directory.
    package init(_ state: StateDirectory) { self.state = state }

    /// The order that the sandbox has obeyed last.
    package var present: FaultOrder {
        self.state.read(self.state.faultsObeyed).flatMap { try? JSONValue.parse(Array($0.utf8)) }.map(FaultOrder.init)
            ?? FaultOrder(number: 0, plan: FaultPlan())
    }

    /// The order that was left for the sandbox; nil when there is none that can be read.
    package var left: FaultOrder? {
        self.state.read(self.state.faults).flatMap { try? JSONValue.parse(Array($0.utf8)) }.map(FaultOrder.init)
    }

    /// Changes what is in force and waits until the sandbox has obeyed.
    ///
    /// Blocks; fails when no sandbox runs or it does not obey within ten seconds.
    package func send(_ change: (inout FaultOrder) -> Void) throws(RuntimeError) {
        guard let process = self.state.runningProcess else {
            throw RuntimeError("no sandbox runs in \(self.state.path)", code: 0)
        }
        var time = timespec()
        clock_gettime(CLOCK_REALTIME, &time)
        var order = FaultOrder(
            number: Int64(time.tv_sec) * 1_000_000_000 + Int64(time.tv_nsec),
            plan: self.present.plan
        )
        change(&order)
        try self.state.write(self.state.faults + ".new", order.value.text)
        guard rename(self.state.faults + ".new", self.state.faults) == 0 else {
            throw RuntimeError("write \(self.state.faults)")
        }
        kill(process, SIGUSR1)
        for _ in 0..<2000 {
            if self.present.number == order.number { return }
            usleep(5000)
        }
        throw RuntimeError("the sandbox in \(self.state.path) did not take the order within 10 s", code: 0)
    }

    /// Says that an order was obeyed.
    package func acknowledge(_ order: FaultOrder) {
        try? self.state.write(self.state.faultsObeyed + ".new", order.value.text)
        rename(self.state.faultsObeyed + ".new", self.state.faultsObeyed)
    }
}
