package import Cluster
package import NIOCore
import Glibc
import Kernel

/// The node's agent: runs each pod that is bound to the node in a ``PodWorker``, and answers for what is in them.
///
/// Concurrency model: an actor; one task reads the pods' changes.
package actor Kubelet {
    private let node: NodeContext
    private let events: EventRecorder
    private var workers: [String: PodWorker] = [:]

    /// The kubelet of the sandbox's one node.
    package init(node: NodeContext) {
        self.node = node
        self.events = EventRecorder(store: node.store, component: "kubelet")
    }

    /// Serves until its task is cancelled.
    package func run() async {
        await withTaskGroup(of: Void.self) { group in
            group.addTask { await self.followPods() }
            for kind in [ResourceKind.configMaps, .secrets] {
                group.addTask { await self.followFiles(kind) }
            }
            group.addTask { await self.renewTokens() }
        }
    }

    private func followPods() async {
        for await event in self.node.store.watch(.pods) {
            let pod = event.object
            switch event.change {
            case .deleted:
                if let worker = self.workers.removeValue(forKey: pod.uid) { await worker.vanish() }
            case .added, .modified:
                guard pod.at("spec", "nodeName")?.string == NodeContext.nodeName else { continue }
                if let worker = self.workers[pod.uid] {
                    await worker.update(pod)
                } else if event.change == .added || event.previous?.at("spec", "nodeName") == nil {
                    self.start(pod)
                }
            }
        }
    }

    private func start(_ pod: JSONValue) {
        let worker = PodWorker(node: self.node, events: self.events, pod: pod)
        self.workers[pod.uid] = worker
        Task { await worker.run() }
        if pod.isTerminating { Task { await worker.update(pod) } }
    }

    /// Refreshes volumes whose ConfigMap or Secret has changed.
    private func followFiles(_ kind: ResourceKind) async {
        for await event in self.node.store.watch(kind) where event.change == .modified {
            for worker in self.workers.values { await worker.refresh(namespace: event.object.namespace) }
        }
    }

    /// Writes new service account tokens before the old ones end, of which none lives less than ten minutes.
    private func renewTokens() async {
        var renewed = ContinuousClock.now
        while !Task.isCancelled {
            try? await Task.sleep(for: .seconds(1))
            // Earlier where faults shorten their lives.
            let life = self.node.tokenLifetime().map { Double($0) * 0.6 } ?? 420
            guard ContinuousClock.now - renewed >= .milliseconds(Int64(min(life, 420) * 1000)) else { continue }
            renewed = .now
            await self.refreshTokens()
        }
    }

    /// Gives every pod new tokens now.
    func refreshTokens() async {
        for worker in self.workers.values { await worker.refresh(namespace: nil) }
    }

    // MARK: For the API server

    private func worker(namespace: String, name: String) throws(StatusError) -> PodWorker {
        let pod = try self.node.store.get(.pods, namespace: namespace, name: name)
        guard let worker = self.workers[pod.uid] else { throw .badRequest("pod \(name) does not run yet") }
        return worker
    }

    /// Connects to a TCP port on a pod's loopback address, for port-forward; a non-blocking socket that is the caller's.
    package func dialPod(namespace: String, name: String, port: Int) async throws(StatusError) -> CInt {
        guard let number = UInt16(exactly: port), number > 0 else { throw .badRequest("invalid port \(port)") }
        guard let space = await (try self.worker(namespace: namespace, name: name)).networkSpace else {
            throw .badRequest("pod \(name) has no network yet")
        }
        let result = await self.node.blocking { () -> Result<CInt, SystemError> in
            do throws(SystemError) {
                let socket = try space.connectTCP(
                    InternetEndpoint(.loopbackV4, port: number),
                    timeoutMilliseconds: 5000
                )
                try socket.setNonBlocking(true)
                return .success(socket.take())
            } catch {
                return .failure(error)
            }
        }
        switch result {
        case .success(let socket): return socket
        case .failure(let error):
            throw .internalError(
                "error forwarding port \(port) to pod \(name): failed to connect to localhost:\(port) inside "
                    + "the pod: \(error.reason.lowercased())"
            )
        }
    }

    /// Connects to a Service's port as the API server does for webhooks.
    package func dialService(namespace: String, name: String, port: Int) async throws(StatusError) -> CInt {
        let service = try self.node.store.get(.services, namespace: namespace, name: name)
        guard let text = service.at("spec", "clusterIP")?.string, let address = InternetAddress(text),
            let number = UInt16(exactly: port)
        else { throw .internalError("service \(namespace)/\(name) has no cluster address") }
        let space = self.node.network.namespace
        let result = await self.node.blocking { () -> Result<CInt, SystemError> in
            do throws(SystemError) {
                let socket = try space.connectTCP(InternetEndpoint(address, port: number), timeoutMilliseconds: 5000)
                try socket.setNonBlocking(true)
                return .success(socket.take())
            } catch {
                return .failure(error)
            }
        }
        switch result {
        case .success(let socket): return socket
        case .failure(let error): throw .internalError("dial \(name).\(namespace).svc:\(port): \(error.reason)")
        }
    }

    /// Runs a command in a container.
    package func exec(_ pod: JSONValue, _ options: ExecOptions) async throws(StatusError) -> ExecSession {
        try await (try self.worker(namespace: pod.namespace, name: pod.name)).exec(options)
    }

    /// Joins a container's own process.
    package func attach(_ pod: JSONValue, _ options: ExecOptions) async throws(StatusError) -> ExecSession {
        try await (try self.worker(namespace: pod.namespace, name: pod.name)).attach(options)
    }

    /// A container's log, as the kubelet gives it.
    package func log(
        _ pod: JSONValue,
        _ options: NodeAccess.LogOptions
    ) async throws(StatusError) -> AsyncStream<ByteBuffer> {
        let worker = try self.worker(namespace: pod.namespace, name: pod.name)
        let lines = try await worker.log(options)
        let (stream, continuation) = AsyncStream.makeStream(of: ByteBuffer.self)
        let task = Task {
            var left = options.limit ?? Int.max
            for await line in lines where left > 0 {
                var bytes = line.bytes
                if options.timestamps { bytes = Array((ContainerLog.text(line.moment) + " ").utf8) + bytes }
                if bytes.count > left { bytes = Array(bytes.prefix(left)) }
                left -= bytes.count
                continuation.yield(ByteBuffer(bytes: bytes))
            }
            continuation.finish()
        }
        continuation.onTermination = { _ in task.cancel() }
        return stream
    }
}

extension PodWorker {
    /// The pod's network, once it has one.
    var networkSpace: NetworkNamespace? { self.sandbox?.network }

    /// Lays out again the files of volumes, if the pod is in the namespace; nil means any.
    func refresh(namespace: String?) {
        guard namespace == nil || self.pod.namespace == namespace, self.ending == nil else { return }
        try? self.layOutVolumes(all: false)
    }

    /// The lines of one container's log.
    func log(_ options: NodeAccess.LogOptions) throws(StatusError) -> AsyncStream<ContainerLog.Line> {
        guard let record = self.containers.first(where: { $0.name == options.container }) else {
            throw .badRequest("container \(options.container) is not valid for pod \(self.pod.name)")
        }
        guard let log = options.previous ? record.formerLog : record.log else {
            if options.previous {
                throw .badRequest(
                    "previous terminated container \"\(record.name)\" in pod \"\(self.pod.name)\" not found"
                )
            }
            var reason = "ContainerCreating"
            if case .waiting(let given, _) = record.state { reason = given }
            throw .badRequest(
                "container \"\(record.name)\" in pod \"\(self.pod.name)\" is waiting to start: \(reason)"
            )
        }
        return log.lines(tail: options.tail, since: options.since, follow: options.follow)
    }
}
