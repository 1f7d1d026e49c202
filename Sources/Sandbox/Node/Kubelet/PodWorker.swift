import Cluster
import Glibc
import Kernel
import NIOCore

/// Runs one pod: from its network to its last process, and tells the cluster how it goes.
///
/// Concurrency model: an actor. `run` is its one long task; each container has a task that starts it again as the restart
/// policy says, each probe one more. They meet at awaits only, and read the state anew after each.
actor PodWorker {
    let node: NodeContext
    let events: EventRecorder
    var pod: JSONValue
    var containers: [ContainerRecord] = []
    var sandbox: PodSandbox?
    var address: InternetAddress?
    /// Set once the pod is to end, with the seconds that it has.
    var ending: Int64?
    var failure: (reason: String, message: String)?
    private let startTime = Timestamp.now()
    private var transitions: [String: (status: Bool, time: String)] = [:]
    private var published: JSONValue?
    private var tasks: [Task<Void, Never>] = []
    private var killer: Task<Void, Never>?
    /// Set once volumes are there, so that containers may start.
    private var prepared = false

    init(node: NodeContext, events: EventRecorder, pod: JSONValue) {
        self.node = node
        self.events = events
        self.pod = pod
        let sidecar: (JSONValue) -> Bool = { $0["restartPolicy"]?.string == "Always" }
        for spec in pod.at("spec", "initContainers")?.array ?? [] {
            self.containers.append(ContainerRecord(part: sidecar(spec) ? .sidecar : .initial, spec: spec))
        }
        for spec in pod.at("spec", "containers")?.array ?? [] {
            self.containers.append(ContainerRecord(part: .main, spec: spec))
        }
        for spec in pod.at("spec", "ephemeralContainers")?.array ?? [] {
            self.containers.append(ContainerRecord(part: .ephemeral, spec: spec))
        }
    }

    var restartPolicy: String { self.pod.at("spec", "restartPolicy")?.string ?? "Always" }
    var hostNetwork: Bool { self.pod.at("spec", "hostNetwork")?.bool ?? false }
    var fields: PodFields {
        PodFields(
            pod: self.pod,
            podAddress: self.address?.description ?? "",
            nodeAddress: NodeNetwork.node.description
        )
    }

    // MARK: The whole

    /// Runs the pod to its end.
    func run() async {
        self.publish()
        if await self.open() {
            self.prepared = true
            // They run whatever becomes of the others.
            for index in self.containers.indices where self.containers[index].part == .ephemeral { self.launch(index) }
            await self.initialise()
            await self.serve()
        }
        await self.close()
    }

    /// Takes note of a change of the pod.
    func update(_ pod: JSONValue) {
        self.pod = pod
        for spec in pod.at("spec", "ephemeralContainers")?.array ?? []
        where !self.containers.contains(where: { $0.name == spec["name"]?.string }) {
            self.containers.append(ContainerRecord(part: .ephemeral, spec: spec))
            if self.prepared, self.ending == nil { self.launch(self.containers.count - 1) }
        }
        self.adoptImages(pod)
        if self.gates.isEmpty == false { self.publish() }
        if pod.isTerminating { self.end(pod.at("metadata", "deletionGracePeriodSeconds")?.integer ?? 30) }
    }

    /// The pod's object is gone: nothing of it may go on.
    func vanish() {
        self.ending = 0
        self.cancel()
        self.sandbox?.close()
    }

    // MARK: Network and volumes

    private func open() async -> Bool {
        let node = self.node
        let hostname = ContainerPlan.hostname(self.pod)
        let shared = self.hostNetwork
        var delay = 1.0
        while self.ending == nil {
            let made = await node.blocking { () -> Result<(PodSandbox, InternetAddress), RuntimeError> in
                do throws(RuntimeError) {
                    let sandbox = try PodSandbox.make(node.runtime, hostname: hostname, hostNetwork: shared)
                    if shared { return .success((sandbox, NodeNetwork.node)) }
                    do throws(SystemError) {
                        return .success((sandbox, try node.network.attach(sandbox.network)))
                    } catch {
                        sandbox.close()
                        return .failure(RuntimeError(error.description, code: 0))
                    }
                } catch {
                    return .failure(error)
                }
            }
            switch made {
            case .success(let (sandbox, address)):
                self.sandbox = sandbox
                self.address = address
                self.publish()
                return await self.prepareVolumes()
            case .failure(let error):
                self.events.record(self.pod, "FailedCreatePodSandBox", error.description, warning: true)
                await self.pause(delay)
                delay = min(delay * 2, 30)
            }
        }
        return false
    }

    private func prepareVolumes() async -> Bool {
        while self.ending == nil {
            do throws(RuntimeError) {
                try self.layOutVolumes(all: true)
                return true
            } catch {
                self.events.record(self.pod, "FailedMount", error.description, warning: true)
                await self.sleep(0.2)
            }
        }
        return false
    }

    /// Lays out volumes; not `all` refreshes only those whose files may have changed.
    func layOutVolumes(all: Bool) throws(RuntimeError) {
        guard let sandbox else { return }
        let node = self.node
        let pod = self.pod
        let namespace = pod.namespace
        let plan = PodVolumePlan(
            fields: self.fields,
            find: { kind, name in node.store.find(kind, namespace: namespace, name: name) },
            token: { request throws(RuntimeError) in
                do throws(StatusError) {
                    return try node.token(
                        namespace,
                        pod.at("spec", "serviceAccountName")?.string ?? "default",
                        request.audiences,
                        request.lifetime,
                        pod.name,
                        pod.uid
                    )
                } catch {
                    throw RuntimeError(error.message, code: 0)
                }
            }
        )
        let group = pod.at("spec", "securityContext", "fsGroup")?.int.map { UInt32(clamping: $0) }
        for (name, volume) in try plan.volumes() {
            if !all, case .files = volume {} else if !all { continue }
            try sandbox.prepare(name, volume, group: group)
        }
    }

    // MARK: Containers

    private func initialise() async {
        for index in self.containers.indices where self.ending == nil {
            switch self.containers[index].part {
            case .initial:
                await self.keepRunning(index)
                if self.containers[index].status != 0 {
                    if self.ending == nil { self.failure = nil }
                    return
                }
            case .sidecar:
                self.launch(index)
                while self.ending == nil, !self.containers[index].started { await self.sleep(0.01) }
            case .main, .ephemeral: return
            }
        }
    }

    private var initialised: Bool {
        self.containers.allSatisfy { record in
            switch record.part {
            case .initial: record.status == 0
            case .sidecar: record.started
            case .main, .ephemeral: true
            }
        }
    }

    private func serve() async {
        guard self.ending == nil, self.initialised else { return }
        var mains: [Task<Void, Never>] = []
        for index in self.containers.indices where self.containers[index].part == .main {
            mains.append(self.launch(index))
        }
        for task in mains { await task.value }
    }

    @discardableResult
    private func launch(_ index: Int) -> Task<Void, Never> {
        let task = Task { await self.keepRunning(index) }
        self.tasks.append(task)
        return task
    }

    /// Sleeps, but not beyond the moment at which the pod is to end.
    func pause(_ seconds: Double) async {
        let deadline = ContinuousClock.now + .milliseconds(Int64(max(0, min(seconds, 86400)) * 1000))
        while self.ending == nil, !Task.isCancelled, ContinuousClock.now < deadline {
            await self.sleep(min(0.05, seconds))
        }
    }

    func sleep(_ seconds: Double) async {
        // A day is for ever here, and nothing overflows.
        try? await Task.sleep(for: .milliseconds(Int64(max(0, min(seconds, 86400)) * 1000)))
    }

    // MARK: The end

    /// Begins to end the pod, or shortens the time that it has.
    private func end(_ grace: Int64) {
        let grace = max(0, min(grace, 86400))
        if let ending, grace >= ending { return }
        let first = self.ending == nil
        self.ending = grace
        if first {
            self.publish()
            self.cancel()
            self.events.record(self.pod, "Killing", "Stopping pod \(self.pod.name)")
        }
        self.killer?.cancel()
        self.killer = Task { await self.stopContainers(grace: grace, hooks: first) }
    }

    private func cancel() {
        for task in self.tasks { task.cancel() }
    }

    /// Waits, not for long, until no Service leads to the pod any more: on a real node the way from the deletion to the signal
    /// takes longer than that to the rules, while here both are a matter of milliseconds.
    private func leaveServices() async {
        guard let address = self.address?.description, !self.hostNetwork else { return }
        let deadline = ContinuousClock.now + .seconds(1)
        while self.node.endpoints.contains(address), ContinuousClock.now < deadline, !Task.isCancelled {
            await self.sleep(0.005)
        }
    }

    /// Asks every container to end, main ones first, then makes it.
    private func stopContainers(grace: Int64, hooks: Bool) async {
        let deadline = ContinuousClock.now.advanced(by: .seconds(grace))
        // What is just starting has its time as well: told to end now, it would not be there to hear it.
        while self.containers.contains(where: \.starting), ContinuousClock.now < deadline, !Task.isCancelled {
            await self.sleep(0.005)
        }
        if hooks, grace > 0 { await self.leaveServices() }
        if hooks, grace > 0 {
            for record in self.containers where record.run != nil && record.part == .main {
                await self.beforeStop(record, deadline: deadline)
            }
        }
        for part in [[ContainerRecord.Part.main, .ephemeral, .initial], [.sidecar]] {
            for record in self.containers where part.contains(record.part) {
                if let run = record.run { self.sandbox?.signal(run, SIGTERM) }
            }
            while self.containers.contains(where: { part.contains($0.part) && $0.run != nil }),
                ContinuousClock.now < deadline, !Task.isCancelled
            {
                await self.sleep(0.01)
            }
        }
        if Task.isCancelled { return }
        self.sandbox?.close()
    }

    private func close() async {
        // Ended of itself: the sidecars have nothing to stand beside any more.
        if self.ending == nil {
            let grace = self.pod.at("spec", "terminationGracePeriodSeconds")?.integer ?? 30
            self.cancel()
            await self.stopContainers(grace: max(0, min(grace, 86400)), hooks: false)
        }
        await self.killer?.value
        self.sandbox?.close()
        for task in self.tasks { await task.value }
        let network = self.node.network
        if let address, !self.hostNetwork { await self.node.blocking { network.detach(address) } }
        self.publish()
        // A pod that has ended stays until somebody deletes it.
        while self.ending == nil { await self.sleep(0.05) }
        _ = try? self.node.store.delete(
            .pods,
            namespace: self.pod.namespace,
            name: self.pod.name,
            options: DeleteOptions(gracePeriod: 0, uid: self.pod.uid)
        )
    }

    // MARK: Status

    private var phase: String {
        let mains = self.containers.filter { $0.part == .main }
        if mains.allSatisfy(\.done), !mains.isEmpty {
            return mains.allSatisfy { $0.status == 0 } ? "Succeeded" : "Failed"
        }
        if self.containers.contains(where: { $0.part == .initial && $0.done && $0.status != 0 }) { return "Failed" }
        return self.initialised && mains.contains { $0.run != nil || $0.restarts > 0 || $0.status != nil }
            ? "Running" : "Pending"
    }

    private func condition(_ type: String, _ status: Bool, _ reason: String = "", _ message: String = "") -> JSONValue {
        if self.transitions[type]?.status != status { self.transitions[type] = (status, Timestamp.now()) }
        var condition: JSONValue = [
            "type": .string(type), "status": status ? "True" : "False", "lastProbeTime": .null,
            "lastTransitionTime": .string(self.transitions[type]?.time ?? self.startTime),
        ]
        if !status {
            condition["reason"] = .string(reason)
            if !message.isEmpty { condition["message"] = .string(message) }
        }
        return condition
    }

    /// Conditions that others have to set before the pod is ready.
    private var gates: [String] {
        (self.pod.at("spec", "readinessGates")?.array ?? []).compactMap { $0["conditionType"]?.string }
    }

    private var closedGates: [String] {
        let conditions = self.pod.at("status", "conditions")?.array ?? []
        return self.gates.filter { gate in
            !conditions.contains { $0["type"]?.string == gate && $0["status"]?.string == "True" }
        }
    }

    /// Writes the pod's status if it has changed.
    func publish() {
        let phase = self.phase
        let counted = self.containers.filter { $0.part == .main || $0.part == .sidecar }
        let unready = counted.filter { !$0.ready }.map(\.name)
        let over = phase == "Succeeded" || phase == "Failed"
        let allReady = unready.isEmpty && !over
        let closed = self.closedGates
        let ready = allReady && closed.isEmpty
        let reason = phase == "Succeeded" ? "PodCompleted" : phase == "Failed" ? "PodFailed" : "ContainersNotReady"
        let message = over ? "" : "containers with unready status: [\(unready.joined(separator: " "))]"
        let gated = "the status of pod readiness gate \"\(closed.first ?? "")\" is not \"True\", but False"
        let waiting = self.containers.filter { $0.part == .initial && $0.status != 0 }.map(\.name)
        let own = [
            self.condition("PodReadyToStartContainers", self.sandbox != nil && !over),
            self.condition(
                "Initialized",
                self.initialised,
                "ContainersNotInitialized",
                "containers with incomplete status: [\(waiting.joined(separator: " "))]"
            ),
            self.condition(
                "Ready",
                ready,
                allReady ? "ReadinessGatesNotReady" : reason,
                allReady ? gated : message
            ),
            self.condition("ContainersReady", allReady, reason, message), self.condition("PodScheduled", true),
        ]
        let address = self.address.map { JSONValue.string($0.description) }
        var status: [String: JSONValue] = [
            "phase": .string(phase), "hostIP": .string(NodeNetwork.node.description),
            "hostIPs": [["ip": .string(NodeNetwork.node.description)]], "startTime": .string(self.startTime),
            "containerStatuses": .array(self.containers.filter { $0.part == .main }.map(\.value)),
            "conditions": .array(own),
        ]
        let initial = self.containers.filter { $0.part == .initial || $0.part == .sidecar }
        if !initial.isEmpty { status["initContainerStatuses"] = .array(initial.map(\.value)) }
        let ephemeral = self.containers.filter { $0.part == .ephemeral }
        if !ephemeral.isEmpty { status["ephemeralContainerStatuses"] = .array(ephemeral.map(\.value)) }
        if let address {
            status["podIP"] = address
            status["podIPs"] = [["ip": address]]
        }
        let new = JSONValue.object(status)
        guard new != self.published else { return }
        self.published = new
        let types = Set(own.compactMap { $0["type"]?.string })
        let uid = self.pod.uid
        _ = try? self.node.store.update(.pods, namespace: self.pod.namespace, name: self.pod.name, part: .status) {
            old throws(StatusError) in
            guard old.uid == uid else { throw .notFound(.pods, old.name) }
            var all = status
            // Conditions of others, such as readiness gates, stay.
            let others = (old.at("status", "conditions")?.array ?? []).filter {
                !types.contains($0["type"]?.string ?? "")
            }
            all["conditions"] = .array(own + others)
            var merged = old.at("status")?.object ?? [:]
            merged.merge(all) { _, new in new }
            var pod = old
            pod["status"] = .object(merged)
            return pod
        }
    }
}
