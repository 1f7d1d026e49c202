import Cluster
import Glibc
import Kernel
import Synchronization

/// A pod's namespaces and first process, as the kubelet holds them.
///
/// Concurrency model: any thread. A thread of its own reads what the pod's first process reports and hands it to `onEvent`. `close` ends
/// every process of the pod.
final class PodSandbox: Sendable {
    /// How a process ended.
    struct Exit: Sendable {
        var code: Int
        /// Zero unless a signal ended it.
        var signal: Int

        /// The exit code as Kubernetes gives it: 128 + signal for a signal.
        var status: Int { self.signal > 0 ? 128 + self.signal : self.code }
    }

    let network: NetworkNamespace
    private let control: Mutex<ControlSocket?>
    private let state = Mutex(State())

    private struct State {
        var starting: [String: CheckedContinuation<String?, Never>] = [:]
        var exits: [String: Exit] = [:]
        var waiting: [String: CheckedContinuation<Exit, Never>] = [:]
        var ended = false
    }

    private init(control: ControlSocket, network: NetworkNamespace) {
        self.control = Mutex(control)
        self.network = network
    }

    /// Makes the pod's first process.
    ///
    /// Blocks for some milliseconds.
    static func make(
        _ runtime: PodRuntimeClient,
        hostname: String,
        hostNetwork: Bool
    ) throws(RuntimeError) -> PodSandbox {
        let (control, network) = try runtime.makePod(hostname: hostname, hostNetwork: hostNetwork)
        let pod = PodSandbox(control: control, network: network)
        do throws(SystemError) {
            pthread_detach(try DedicatedThread.start { pod.read(control) })
        } catch {
            throw RuntimeError("start thread", code: error.code)
        }
        return pod
    }

    /// Prepares a volume or replaces its files.
    func prepare(_ name: String, _ volume: VolumeSpec, group: UInt32?) throws(RuntimeError) {
        var message = volume.message(name: name, group: group)
        message["order"] = "volume"
        try self.send(message, [])
    }

    /// Starts a container's process, or with `container` one beside it.
    ///
    /// Comes back once its program runs. The descriptors stay the caller's.
    func start(_ spec: ContainerSpec, in container: String? = nil, _ descriptors: [CInt]) async throws(RuntimeError) {
        var message = spec.message
        message["order"] = container == nil ? "start" : "exec"
        if let container { message["container"] = .string(container) }
        let failure: String? = await withCheckedContinuation { continuation in
            let ended = self.state.withLock { state -> Bool in
                guard !state.ended else { return true }
                state.starting[spec.id] = continuation
                return false
            }
            if ended { return continuation.resume(returning: "the pod has ended") }
            do throws(RuntimeError) {
                try self.send(message, descriptors)
            } catch {
                let waiter = self.state.withLock { $0.starting.removeValue(forKey: spec.id) }
                waiter?.resume(returning: error.description)
            }
        }
        if let failure { throw RuntimeError(failure, code: 0) }
    }

    /// Waits until a started process has ended.
    func exit(of id: String) async -> Exit {
        await withCheckedContinuation { continuation in
            let exit = self.state.withLock { state -> Exit? in
                if let exit = state.exits.removeValue(forKey: id) { return exit }
                if state.ended { return Exit(code: -1, signal: Int(SIGKILL)) }
                state.waiting[id] = continuation
                return nil
            }
            if let exit { continuation.resume(returning: exit) }
        }
    }

    /// Sends a signal to a process.
    func signal(_ id: String, _ signal: CInt) {
        try? self.send(["order": "signal", "id": .string(id), "signal": .integer(Int64(signal))], [])
    }

    /// Ends every process of the pod and gives its namespaces up.
    func close() {
        self.control.withLock { control in
            // The reading thread still uses the number: it closes it when it sees the end.
            if let socket = control { shutdown(socket.descriptor, Int32(SHUT_RDWR)) }
            control = nil
        }
    }

    private func send(_ message: JSONValue, _ descriptors: [CInt]) throws(RuntimeError) {
        try self.control.withLock { control throws(RuntimeError) in
            guard let control else { throw RuntimeError("the pod has ended", code: 0) }
            try control.send(message, descriptors: descriptors)
        }
    }

    private func read(_ socket: ControlSocket) {
        while let (event, _) = try? socket.receive() {
            let id = event["id"]?.string ?? ""
            switch event["event"]?.string {
            case "started":
                self.state.withLock { $0.starting.removeValue(forKey: id) }?.resume(returning: nil)
            case "failed":
                self.state.withLock { $0.starting.removeValue(forKey: id) }?
                    .resume(returning: event["message"]?.string ?? "failed")
            case "exited":
                let exit = Exit(code: event["code"]?.int ?? -1, signal: event["signal"]?.int ?? 0)
                let waiter = self.state.withLock { state in
                    let waiter = state.waiting.removeValue(forKey: id)
                    if waiter == nil { state.exits[id] = exit }
                    return waiter
                }
                waiter?.resume(returning: exit)
            default: break
            }
        }
        self.control.withLock { $0 = nil }
        Glibc.close(socket.descriptor)
        let (starting, waiting) = self.state.withLock { state in
            state.ended = true
            defer {
                state.starting = [:]
                state.waiting = [:]
            }
            return (state.starting, state.waiting)
        }
        for waiter in starting.values { waiter.resume(returning: "the pod has ended") }
        for waiter in waiting.values { waiter.resume(returning: Exit(code: -1, signal: Int(SIGKILL))) }
    }
}
