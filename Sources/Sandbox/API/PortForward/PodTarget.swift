import NIOCore
import NIOPosix

/// The pod that a port-forward leads to.
struct PodTarget: Sendable {
    let namespace: String
    let pod: String
    let access: NodeAccess

    /// Connects to a port on the pod's loopback; the socket does not read before it is told to.
    ///
    /// A failure's description is the text for the user.
    func connect(port: Int, on loop: any EventLoop) -> EventLoopFuture<any Channel> {
        let target = self
        return loop.makeFutureWithTask { () throws -> CInt in
            try await target.access.dialPod(target.namespace, target.pod, port)
        }.flatMap { descriptor in
            ClientBootstrap(group: loop).channelOption(.autoRead, value: false)
                .channelOption(.allowRemoteHalfClosure, value: true)
                .channelOption(.writeBufferWaterMark, value: .init(low: 256 << 10, high: 1 << 20))
                .channelOption(
                    .recvAllocator,
                    value: AdaptiveRecvByteBufferAllocator(minimum: 4 << 10, initial: 64 << 10, maximum: 256 << 10)
                )
                .withConnectedSocket(descriptor)
        }
    }

    /// What a client is told when a port can't be reached.
    func explain(_ error: any Error, port: Int) -> String {
        let why = (error as? StatusError)?.message ?? "\(error)"
        return "error forwarding port \(port) to pod \(self.pod): \(why)"
    }
}
