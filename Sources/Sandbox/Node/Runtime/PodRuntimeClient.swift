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
        let files: [CInt: ProgramLaunch.File] = [0: .null, PodRuntime.controlDescriptor: .descriptor(control)]
        let process = try? ProgramLaunch(program, ["pod-runtime", String(getpid())], files: files).start()
        close(control)
        guard let process else { return }
        let status = try? ProgramLaunch.status(of: process)
        // Without it nothing can run, and all that ran is gone.
        if status != 0 { StandardError.write("sandbox: the pod runtime ended unexpectedly") }
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
