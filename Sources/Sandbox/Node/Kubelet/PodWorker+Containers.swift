import Cluster
import Glibc
import Kernel

extension PodWorker {
    /// Runs one container, again and again as the restart policy says, until it is done or the pod ends.
    func keepRunning(_ index: Int) async {
        var delay = 0.0
        while self.ending == nil {
            guard let log = await self.begin(index) else { continue }
            let startedAt = ContinuousClock.now
            await self.follow(index, log: log)
            guard self.goesOn(index) else { break }
            if ContinuousClock.now - startedAt > .seconds(600) { delay = 0 }
            if delay > 0 {
                let name = self.containers[index].name
                let message = "back-off \(Int(delay))s restarting failed container=\(name) pod=\(self.pod.name)"
                self.events.record(self.pod, "BackOff", message, warning: true, field: self.field(index))
                if case .terminated(let end) = self.containers[index].state { self.containers[index].last = end }
                self.containers[index].state = .waiting(reason: "CrashLoopBackOff", message: message)
                self.publish()
                await self.pause(delay)
            }
            delay = delay == 0 ? 1 : min(delay * 2, 60)
            if self.ending == nil {
                if case .terminated(let end) = self.containers[index].state { self.containers[index].last = end }
                self.containers[index].restarts += 1
            }
        }
        self.containers[index].done = true
        self.publish()
    }

    /// Whether a container that has just ended is to run again.
    private func goesOn(_ index: Int) -> Bool {
        guard self.ending == nil, let status = self.containers[index].status else { return false }
        switch self.containers[index].part {
        case .ephemeral: return false
        case .sidecar: return !self.containers.filter { $0.part == .main }.allSatisfy(\.done)
        case .initial: return status != 0 && self.restartPolicy != "Never"
        case .main: return self.restartPolicy == "Always" || self.restartPolicy == "OnFailure" && status != 0
        }
    }

    private func field(_ index: Int) -> String {
        let list =
            switch self.containers[index].part {
            case .main: "containers"
            case .initial, .sidecar: "initContainers"
            case .ephemeral: "ephemeralContainers"
            }
        return "spec.\(list){\(self.containers[index].name)}"
    }

    private func wait(_ index: Int, _ reason: String, _ message: String) {
        self.containers[index].state = .waiting(reason: reason, message: message)
        self.publish()
    }

    /// Starts a container's process; nil when it could not be, after a while.
    ///
    /// A program that cannot be executed counts as a run that failed.
    private func begin(_ index: Int) async -> ContainerLog? {
        guard let sandbox else { return nil }
        let record = self.containers[index]
        guard let image = self.node.images.find(record.image) else {
            await self.failToPull(index)
            return nil
        }
        let run = "\(record.name)-\(record.restarts)-\(Identifiers.suffix())"
        var spec: ContainerSpec
        do throws(RuntimeError) {
            spec = try self.plan(record.spec, image, run)
            spec.processes = try self.processes(record)
        } catch {
            self.events.record(self.pod, "Failed", "Error: \(error)", warning: true, field: self.field(index))
            self.wait(index, "CreateContainerConfigError", error.description)
            await self.pause(0.2)
            return nil
        }
        let path = self.node.logs.map {
            "\($0)/\(self.pod.namespace)_\(self.pod.name)_\(self.pod.uid)/\(record.name)/\(record.restarts).log"
        }
        let log = ContainerLog(path: path)
        self.containers[index].formerLog = self.containers[index].log
        self.containers[index].log = log
        self.containers[index].id = "sandbox://" + Identifiers.uid().filter { $0 != "-" }
        let now = Timestamp.seconds()
        do throws(RuntimeError) {
            let ends = try log.open(
                input: record.spec["stdin"]?.bool ?? false,
                terminal: record.spec["tty"]?.bool ?? false
            )
            spec.terminal = record.spec["tty"]?.bool ?? false
            self.containers[index].input = ends.input
            self.containers[index].starting = true
            defer { self.containers[index].starting = false }
            try await self.start(sandbox, spec, ends.process)
        } catch {
            let message = "failed to start container: \(error)"
            self.events.record(self.pod, "Failed", "Error: \(message)", warning: true, field: self.field(index))
            self.containers[index].state = .terminated(
                ContainerState.Termination(
                    status: 128,
                    signal: 0,
                    reason: "StartError",
                    message: message,
                    started: 0,
                    finished: now,
                    id: self.containers[index].id
                )
            )
            self.publish()
            return log
        }
        self.containers[index].run = run
        self.containers[index].state = .running(since: now)
        self.containers[index].started = Probe(record.spec["startupProbe"], container: record.spec) == nil
        self.containers[index].ready =
            self.containers[index].started && Probe(record.spec["readinessProbe"], container: record.spec) == nil
        self.events.record(
            self.pod,
            "Pulled",
            "Container image \"\(record.image)\" already present on machine",
            field: self.field(index)
        )
        self.events.record(self.pod, "Created", "Created container: \(record.name)", field: self.field(index))
        self.events.record(self.pod, "Started", "Started container \(record.name)", field: self.field(index))
        self.publish()
        return log
    }

    /// Tells of an image that there is not, as the kubelet does, and waits before the next try.
    private func failToPull(_ index: Int) async {
        let image = self.containers[index].image
        func tell(_ reason: String, _ message: String, warning: Bool = true) {
            self.events.record(self.pod, reason, message, warning: warning, field: self.field(index))
        }
        if self.containers[index].spec["imagePullPolicy"]?.string == "Never" {
            let text = "Container image \"\(image)\" is not present with pull policy of Never"
            tell("ErrImageNeverPull", text)
            self.wait(index, "ErrImageNeverPull", text)
            return await self.pause(2)
        }
        let text =
            "failed to pull and unpack image \"\(image)\": the sandbox has no such image; "
            + "give it one with: sandbox up --image NAME=PATH"
        tell("Pulling", "Pulling image \"\(image)\"", warning: false)
        tell("Failed", "Failed to pull image \"\(image)\": \(text)")
        tell("Failed", "Error: ErrImagePull")
        self.wait(index, "ErrImagePull", text)
        await self.pause(1)
        guard self.ending == nil else { return }
        tell("BackOff", "Back-off pulling image \"\(image)\"", warning: false)
        tell("Failed", "Error: ImagePullBackOff")
        self.wait(index, "ImagePullBackOff", "Back-off pulling image \"\(image)\": ErrImagePull: \(text)")
        let deadline = ContinuousClock.now + .seconds(10)
        // Another image is another chance at once.
        while self.ending == nil, ContinuousClock.now < deadline, self.containers[index].image == image {
            await self.pause(0.2)
        }
    }

    /// Whose processes a container shares.
    private func processes(_ record: ContainerRecord) throws(RuntimeError) -> ContainerSpec.Processes {
        if record.part == .ephemeral, let target = record.spec["targetContainerName"]?.string, !target.isEmpty {
            guard let run = self.containers.first(where: { $0.name == target })?.run else {
                throw RuntimeError("target container \"\(target)\" is not running", code: 0)
            }
            return .of(run)
        }
        return self.pod.at("spec", "shareProcessNamespace")?.bool == true ? .pod : .own
    }

    /// Takes over images that have changed in the pod's specification; containers that run start again with theirs.
    func adoptImages(_ pod: JSONValue) {
        let specs = ["initContainers", "containers"].flatMap { pod.at("spec", $0)?.array ?? [] }
        for index in self.containers.indices {
            guard let spec = specs.first(where: { $0["name"]?.string == self.containers[index].name }),
                let image = spec["image"]?.string, image != self.containers[index].image
            else { continue }
            self.containers[index].spec["image"] = .string(image)
            guard let run = self.containers[index].run else { continue }
            let message = "Container \(self.containers[index].name) definition changed, will be restarted"
            self.events.record(self.pod, "Killing", message, field: self.field(index))
            self.sandbox?.signal(run, SIGTERM)
        }
    }

    private func start(
        _ sandbox: PodSandbox,
        _ spec: ContainerSpec,
        _ descriptors: [Descriptor]
    ) async throws(RuntimeError) {
        let numbers = descriptors.map(\.rawValue)
        try await sandbox.start(spec, numbers)
        withExtendedLifetime(descriptors) {}
    }

    func plan(
        _ container: JSONValue,
        _ image: ImageTable.Image,
        _ run: String
    ) throws(RuntimeError) -> ContainerSpec {
        let store = self.node.store
        let namespace = self.pod.namespace
        var services: [String: String] = [:]
        if self.pod.at("spec", "enableServiceLinks")?.bool ?? true {
            services = ContainerEnvironment.services(store.items(.services, namespace: namespace))
        }
        if let master = store.find(.services, namespace: "default", name: "kubernetes") {
            services.merge(ContainerEnvironment.services([master])) { own, _ in own }
        }
        return try ContainerPlan.make(
            id: run,
            container: container,
            image: image,
            fields: self.fields,
            services: services,
            files: ContainerPlan.files(
                self.pod,
                address: self.address?.description ?? "",
                dns: NodeContext.dnsAddress,
                domain: "cluster.local"
            ),
            find: { kind, name in store.find(kind, namespace: namespace, name: name) }
        )
    }

    /// Waits for the end of a container's run, probing it meanwhile.
    private func follow(_ index: Int, log: ContainerLog) async {
        guard let sandbox, let run = self.containers[index].run else { return }
        let probes = self.probe(index, run: run)
        let exit = await sandbox.exit(of: run)
        for probe in probes { probe.cancel() }
        // Who reads the log of a container that has ended finds all of it.
        await log.drained(within: .seconds(1))
        var started: Int64 = 0
        if case .running(let since) = self.containers[index].state { started = since }
        let spec = self.containers[index].spec
        let tellsLog = spec["terminationMessagePolicy"]?.string == "FallbackToLogsOnError" && exit.status != 0
        self.containers[index].run = nil
        self.containers[index].input = nil
        self.containers[index].ready = false
        self.containers[index].started = false
        self.containers[index].state = .terminated(
            ContainerState.Termination(
                status: exit.status,
                signal: exit.signal,
                reason: exit.status == 0 ? "Completed" : "Error",
                message: tellsLog ? log.end(2048) : "",
                started: started,
                finished: Timestamp.seconds(),
                id: self.containers[index].id
            )
        )
        // An init container that has succeeded counts as ready.
        if self.containers[index].part == .initial { self.containers[index].ready = exit.status == 0 }
        self.publish()
    }

    // MARK: Probes

    private func probe(_ index: Int, run: String) -> [Task<Void, Never>] {
        let spec = self.containers[index].spec
        let startup = Probe(spec["startupProbe"], container: spec)
        let readiness = Probe(spec["readinessProbe"], container: spec)
        let liveness = Probe(spec["livenessProbe"], container: spec)
        return [
            Task {
                if let startup {
                    guard await self.repeatProbe(startup, "Startup", index, run, untilSuccess: true) else { return }
                    self.setStarted(index, run, ready: readiness == nil)
                }
                await withTaskGroup(of: Void.self) { group in
                    if let readiness {
                        group.addTask { _ = await self.repeatProbe(readiness, "Readiness", index, run) }
                    }
                    if let liveness { group.addTask { _ = await self.repeatProbe(liveness, "Liveness", index, run) } }
                }
            }
        ]
    }

    private func setStarted(_ index: Int, _ run: String, ready: Bool) {
        guard self.containers[index].run == run else { return }
        self.containers[index].started = true
        if ready { self.containers[index].ready = true }
        self.publish()
    }

    /// Probes until the run ends; with `untilSuccess` until the first success, which is true.
    ///
    /// A container that has just started is asked every 50 ms for its first two seconds, as it may be ready long before the
    /// first period is over; those failures do not count.
    private func repeatProbe(
        _ probe: Probe,
        _ kind: String,
        _ index: Int,
        _ run: String,
        untilSuccess: Bool = false
    ) async -> Bool {
        await self.sleep(probe.initialDelay)
        let began = ContinuousClock.now
        var successes = 0
        var failures = 0
        while self.containers[index].run == run, !Task.isCancelled, self.ending == nil {
            let problem = await self.ask(probe, run)
            guard self.containers[index].run == run, !Task.isCancelled else { return false }
            let hurried = kind != "Liveness" && successes == 0 && ContinuousClock.now - began < .seconds(2)
            if let problem {
                if !hurried {
                    failures += 1
                    successes = 0
                    let message = "\(kind) probe failed: \(problem)"
                    self.events.record(self.pod, "Unhealthy", message, warning: true, field: self.field(index))
                    if failures >= probe.failureThreshold { self.fail(kind, index, run) }
                }
                await self.sleep(hurried ? 0.05 : probe.period)
                continue
            }
            failures = 0
            successes += 1
            if successes >= probe.successThreshold {
                if untilSuccess { return true }
                if kind == "Readiness", !self.containers[index].ready {
                    self.containers[index].ready = true
                    self.publish()
                }
            }
            await self.sleep(successes < probe.successThreshold ? min(probe.period, 1) : probe.period)
        }
        return false
    }

    private func fail(_ kind: String, _ index: Int, _ run: String) {
        if kind == "Readiness" {
            self.containers[index].ready = false
            self.publish()
            return
        }
        let name = self.containers[index].name
        self.events.record(
            self.pod,
            "Killing",
            "Container \(name) failed \(kind.lowercased()) probe, will be restarted",
            field: self.field(index)
        )
        self.sandbox?.signal(run, SIGTERM)
        let grace = self.pod.at("spec", "terminationGracePeriodSeconds")?.double ?? 30
        Task {
            await self.sleep(grace)
            if self.containers[index].run == run { self.sandbox?.signal(run, SIGKILL) }
        }
    }

    private func ask(_ probe: Probe, _ run: String) async -> String? {
        if case .command(let command) = probe.question {
            let status = await self.execute(command, in: run, seconds: probe.timeout)
            return status == 0 ? nil : "command exited with \(status)"
        }
        let network = self.node.network.namespace
        let address = self.address?.description ?? ""
        return await self.node.blocking { probe.ask(network, address: address) }
    }

    /// Runs a command in a container without input or output; its exit status, or -1 when it did not start or end in time.
    private func execute(_ command: [String], in run: String, seconds: Double) async -> Int {
        guard let sandbox, let record = self.containers.first(where: { $0.run == run }),
            let image = self.node.images.find(record.image),
            let plan = try? self.plan(record.spec, image, "probe-\(Identifiers.suffix(length: 10))"),
            let null = try? Descriptor.open("/dev/null", flags: O_RDWR)
        else { return -1 }
        var spec = plan
        spec.arguments = command
        let number = null.rawValue
        guard (try? await sandbox.start(spec, in: run, [number, number, number])) != nil else { return -1 }
        withExtendedLifetime(null) {}
        let id = spec.id
        let limit = Task {
            try await Task.sleep(for: .milliseconds(Int64(max(0, min(seconds, 86400)) * 1000)))
            sandbox.signal(id, SIGKILL)
        }
        let exit = await sandbox.exit(of: id)
        limit.cancel()
        return exit.status
    }

    // MARK: Hooks

    /// Runs a container's `preStop` hook, if it has one, within the time that the pod has.
    func beforeStop(_ record: ContainerRecord, deadline: ContinuousClock.Instant) async {
        guard let hook = record.spec.at("lifecycle", "preStop"), let run = record.run else { return }
        let left = max(0, Double((deadline - ContinuousClock.now).components.seconds))
        if let seconds = hook.at("sleep", "seconds")?.double {
            await self.sleep(min(seconds, left))
        } else if let command = hook.at("exec", "command")?.stringArray {
            _ = await self.execute(command, in: run, seconds: left)
        } else if let probe = Probe(["httpGet": hook["httpGet"] ?? .null], container: record.spec) {
            _ = await self.ask(probe, run)
        }
    }
}
