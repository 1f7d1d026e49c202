import Actor
import Cluster
import HTTP2
import Kernel
import Logging
import Message
import NIOCore
import NIOPosix
import Synchronization
import Tunnel

/// Serves the pod's volumes to workstations: each on a tunnel that the agent opens, as it does for connections.
///
/// The manager says who wants what; the agent serves nobody whose attachment it does not know itself. Nothing listens in the
/// pod. Concurrency model: constant; tunnels and sockets live on the link's event loop.
final class AgentVolumes: Sendable {
    /// How long the workstation may take to accept the tunnel.
    private static let patience = TimeAmount.seconds(5)
    /// Servers at once: each is a process, and the agent's container has little memory.
    private static let maximumServers = 32

    private let servers = Mutex(0)
    private let directories: [String: String]
    private let agent: TrafficAgent
    private let link: AgentLink
    private let executable: String
    private let logger: Logger

    /// Serves the mounts of these containers.
    init(
        _ containers: [AgentConfig.Container],
        agent: TrafficAgent,
        link: AgentLink,
        executable: String = "/proc/self/exe",
        logger: Logger
    ) {
        directories = Dictionary(
            containers.filter { !$0.mounts.isEmpty }.map { ($0.name, $0.mountPoint) },
            uniquingKeysWith: { first, _ in first }
        )
        self.agent = agent
        self.link = link
        self.executable = executable
        self.logger = logger
    }

    /// Does what the manager has said, if that is right.
    func take(_ order: VolumeOrder) async {
        let about: Logger.Metadata = ["attachment": "\(order.attachmentID)", "container": "\(order.container)"]
        guard await agent.holder(of: order.attachmentID) == order.sessionID else {
            logger.warning("volumes refused: the session has no such attachment here", metadata: about)
            return
        }
        guard let directory = directories[order.container] else {
            logger.warning("volumes refused: the container has none", metadata: about)
            return
        }
        let isRoom = servers.withLock { count in
            guard count < Self.maximumServers else { return false }
            count += 1
            return true
        }
        guard isRoom else {
            logger.warning("volumes refused: too many are served already", metadata: about)
            return
        }
        do {
            let socket = try VolumeServer.start(directory, readOnly: order.readOnly, executable: executable)
            let channel = try await ClientBootstrap(group: link.eventLoop)
                .channelOption(.allowRemoteHalfClosure, value: true)
                .channelOption(.autoRead, value: false)
                .withConnectedSocket(socket.take()).get()
            channel.closeFuture.whenComplete { [self] _ in servers.withLock { $0 -= 1 } }
            join(channel, order, about)
        } catch {
            servers.withLock { $0 -= 1 }
            logger.error("volumes cannot be served", metadata: about.merging(["reason": "\(error)"]) { $1 })
        }
    }

    private func join(_ channel: any Channel, _ order: VolumeOrder, _ about: Logger.Metadata) {
        link.eventLoop.execute { [self] in
            let target = AgentRoutes.Target(volumesOf: order.attachmentID, session: order.sessionID)
            let ticket = HeaderField(name: "tp-volume", value: order.ticket)
            link.openTCP(to: target, adding: [ticket], within: Self.patience) { [logger] result in
                switch result {
                case .success(let stream):
                    logger.info("serving volumes", metadata: about)
                    Splice.join(channel, stream)
                case .failure(let failure):
                    logger.warning("no tunnel for volumes", metadata: about.merging(["reason": "\(failure)"]) { $1 })
                    channel.close(promise: nil)
                }
            }
        }
    }
}
