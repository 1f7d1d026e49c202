import Glibc
import HTTP2
import Kernel
import Logging
import NIOCore
import NIOPosix

/// The Unix socket at which sshfs meets the user daemon: mode 0600, and nobody but the same user (or root) is let in.
///
/// A caller says which mount it is for, on one line, and gets a `+` once the agent's tunnel stands; from then on all bytes are
/// SFTP's. Where none comes in time, the caller is shown out: nothing waits for ever.
enum VolumeDoor {
    /// Opens the tunnel of a mount for a caller, or closes its channel.
    typealias Opening = @Sendable (_ mount: String, _ caller: NIOLoopBound<any Channel>) -> Void

    /// The longest name of a mount.
    private static let longestLine = 256

    /// Listens; `open` is called on the loop.
    static func listen(
        path: String,
        eventLoop: any EventLoop,
        logger: Logger,
        open: @escaping Opening
    ) async throws -> any Channel {
        let listener = try UnixSockets.listen(path)
        return try await ServerBootstrap(group: eventLoop)
            .childChannelOption(.allowRemoteHalfClosure, value: true)
            .childChannelInitializer { channel in
                CallSocket.admit(channel, [geteuid(), 0]).flatMapThrowing { _ in
                    try channel.pipeline.syncOperations.addHandler(FirstLine(limit: longestLine, open: open))
                }.flatMapErrorThrowing { error in
                    logger.warning("caller refused", metadata: ["reason": "\(error)"])
                    throw error
                }
            }
            .withBoundSocket(listener.take()).get()
    }

    /// Reads one line, and gives the channel away.
    private final class FirstLine: ChannelInboundHandler, RemovableChannelHandler {
        typealias InboundIn = ByteBuffer

        private let limit: Int
        private let open: Opening
        private var line: [UInt8] = []
        private var isDone = false

        init(limit: Int, open: @escaping Opening) {
            self.limit = limit
            self.open = open
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            guard !isDone else { return context.close(promise: nil) }
            line += unwrapInboundIn(data).readableBytesView
            guard let end = line.firstIndex(of: 0x0a) else {
                if line.count > limit { context.close(promise: nil) }
                return
            }
            // The caller waits for the answer before it says more.
            isDone = true
            let name = String(decoding: line[..<end], as: UTF8.self)
            let channel = context.channel
            try? channel.syncOptions?.setOption(.autoRead, value: false)
            context.pipeline.syncOperations.removeHandler(self, promise: nil)
            open(name, NIOLoopBound(channel, eventLoop: channel.eventLoop))
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {
            context.close(promise: nil)
        }
    }
}
