import Cluster
import Kernel

/// One container of a pod, with what became of it so far.
struct ContainerRecord {
    /// What part it has in the pod.
    enum Part: Equatable {
        /// Runs to its end before those after it begin.
        case initial
        /// An init container that goes on running.
        case sidecar
        case main
        case ephemeral
    }

    let part: Part
    var spec: JSONValue
    var state: ContainerState = .waiting(reason: "PodInitializing", message: "")
    var last: ContainerState.Termination?
    var restarts = 0
    var ready = false
    var started = false
    /// A process has been asked for, and may run already, but nobody has said so yet.
    var starting = false
    /// The name of the present run among the pod's processes; nil when none runs.
    var run: String?
    var id = ""
    var log: ContainerLog?
    /// Where what is attached sends input, with a terminal its near end; nil when there is none, or no more.
    var input: Descriptor?
    var formerLog: ContainerLog?
    /// Whether it is to run no more.
    var done = false

    var name: String { self.spec["name"]?.string ?? "" }
    var image: String { self.spec["image"]?.string ?? "" }

    /// The exit status of a container that has ended for good.
    var status: Int? {
        guard case .terminated(let end) = self.state else { return nil }
        return end.status
    }

    /// As in `containerStatuses`.
    var value: JSONValue {
        var value: JSONValue = [
            "name": .string(self.name), "image": .string(self.image),
            "imageID": .string(self.id.isEmpty ? "" : "sandbox://\(self.image)"),
            "containerID": .string(self.id), "ready": .bool(self.ready), "started": .bool(self.started),
            "restartCount": .integer(Int64(self.restarts)), "state": self.state.value, "lastState": .emptyObject,
        ]
        if let last { value["lastState"] = ContainerState.terminated(last).value }
        if self.id.isEmpty { value["containerID"] = nil }
        return value
    }
}
