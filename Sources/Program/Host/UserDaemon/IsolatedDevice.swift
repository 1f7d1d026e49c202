import Actor
import Glibc
import Kernel
import Logging
import Message
import Network
import Synchronization

/// The virtual interface of isolated mode: in namespaces that a child process holds.
final class IsolatedDevice: WorkstationDevice {
    private let logger: Logger
    private let network = Mutex<IsolatedNetwork?>(nil)

    init(logger: Logger) {
        self.logger = logger
    }

    func open(
        _ request: ConnectRequest,
        facts: SessionFacts,
        routes: [InternetPrefix],
        lost: @escaping @Sendable (String) -> Void
    ) async throws(DaemonFailure) -> DeviceParts {
        // The workstation's own resolvers, as they are outside the namespaces.
        let text = SmallFile.text("/etc/resolv.conf")
        let made: IsolatedNetwork
        do throws(IsolationError) {
            made = try IsolatedNetwork.start(executable: "/proc/self/exe")
        } catch {
            throw DaemonFailure(.failed, "the isolated network cannot be made: \(error)")
        }
        network.withLock { $0 = made }
        let watch = try? DedicatedThread.start { [self] in
            made.waitForEnd()
            if network.withLock({ $0 === made }) { lost("the process that holds the isolated network has ended") }
        }
        if let watch { pthread_detach(watch) }
        return DeviceParts(
            facts: NetworkFacts(
                interface: made.interface,
                dnsHook: "resolv.conf of the isolated network",
                holderPID: UInt32(made.holder)
            ),
            tun: made.tun,
            listeners: made.listeners,
            nameservers: ResolverConfiguration(parsing: text).nameservers
        )
    }

    func dialInside(_ endpoint: InternetEndpoint) async -> Descriptor? {
        guard let made = network.withLock({ $0 }) else { return nil }
        return try? made.connectTCP(endpoint, timeoutMilliseconds: 500)
    }

    func listenInside(_ endpoint: InternetEndpoint, isUDP: Bool) async throws(SystemError) -> Descriptor? {
        try network.withLock { $0 }?.listen(endpoint, isUDP: isUDP)
    }

    func close() async {
        let made = network.withLock { network in
            defer { network = nil }
            return network
        }
        made?.stop()
    }
}
