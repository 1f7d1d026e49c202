package import Kernel
import CSandbox
import Cluster
import Glibc
import Synchronization

/// The main process's side of the process that makes pods.
///
/// Concurrency model: calls block for a few milliseconds and come from any thread; one at a time, behind a mutex.
package final class PodRuntimeClient: Sendable {
    /// The node's network namespace.
    package let node: NetworkNamespace
    private let control: Mutex<ControlSocket>
    /// Opens when the runtime process has ended.
    private let ended: Latch

    private init(control: ControlSocket, ended: Latch, node: NetworkNamespace) {
        self.control = Mutex(control)
        self.ended = ended
        self.node = node
    }

    /// Starts the runtime process from the sandbox's program.
    package static func start(program: String) throws(RuntimeError) -> PodRuntimeClient {
        let (own, other) = try ControlSocket.pair()
        // The death signal that the child asks for comes when the thread that made it ends: so that one never does.
        let otherDescriptor = other.descriptor
        let ended = Latch()
        do throws(SystemError) {
            let thread = try DedicatedThread.start {
                Self.spawn(program, otherDescriptor)
                ended.open()
            }
            pthread_detach(thread)
        } catch {
            throw RuntimeError("start thread", code: error.code)
        }
        guard let (hello, descriptors) = try own.receive(), hello["event"]?.string == "ready",
            let network = descriptors.first
        else {
            throw RuntimeError("the pod runtime did not start (root is needed)", code: 0)
        }
        return PodRuntimeClient(control: own, ended: ended, node: NetworkNamespace(Descriptor(network)))
    }

    private static func spawn(_ program: String, _ control: CInt) {
        var actions = posix_spawn_file_actions_t()
        posix_spawn_file_actions_init(&actions)
        posix_spawn_file_actions_addopen(&actions, 0, "/dev/null", O_RDONLY, 0)
        posix_spawn_file_actions_adddup2(&actions, control, PodRuntime.controlDescriptor)
        var attributes = posix_spawnattr_t()
        posix_spawnattr_init(&attributes)
        let arguments: [String] = [program, "pod-runtime", String(getpid())]
        var words: [UnsafeMutablePointer<CChar>?] = arguments.map { strdup($0) }
        words.append(nil)
        var process: pid_t = 0
        let code = posix_spawn(&process, program, &actions, &attributes, &words, environ)
        for word in words { free(word) }
        posix_spawn_file_actions_destroy(&actions)
        posix_spawnattr_destroy(&attributes)
        close(control)
        guard code == 0 else { return }
        var status: CInt = 0
        while waitpid(process, &status, 0) < 0, errno == EINTR {}
        // Without it nothing can run, and all that ran is gone.
        if csb_exit_status(status) != 0 { StandardError.write("sandbox: the pod runtime ended unexpectedly") }
    }

    /// Ends the runtime process, and with it every pod.
    package func stop() {
        self.control.withLock { _ = shutdown($0.descriptor, CInt(SHUT_RDWR)) }
        self.ended.wait()
    }

    /// Makes a pod's first process in fresh namespaces; `network` is shared with the node when asked for.
    func makePod(hostname: String, hostNetwork: Bool) throws(RuntimeError) -> (ControlSocket, NetworkNamespace) {
        let (own, other) = try ControlSocket.pair()
        defer { close(other.descriptor) }
        do throws(RuntimeError) {
            let network = try self.control.withLock { control throws(RuntimeError) -> NetworkNamespace in
                try control.send(
                    ["order": "pod", "hostname": .string(hostname), "hostNetwork": .bool(hostNetwork)],
                    descriptors: [other.descriptor]
                )
                guard let (answer, descriptors) = try control.receive() else {
                    throw RuntimeError("the pod runtime has ended", code: 0)
                }
                guard answer["event"]?.string == "made", let space = descriptors.first else {
                    throw RuntimeError(answer["message"]?.string ?? "the pod runtime failed", code: 0)
                }
                return NetworkNamespace(Descriptor(space))
            }
            return (own, network)
        } catch {
            close(own.descriptor)
            throw error
        }
    }
}
