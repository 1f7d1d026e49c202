import Call
import Glibc
import HTTP2
import Kernel
import Logging
import NIOCore
import NIOPosix

/// A Unix socket on which a daemon answers calls (h2c), to callers of permitted users only.
enum CallSocket {
    /// Who calls, as the kernel says; laid out like `struct ucred` (unix(7)).
    struct Caller: Sendable {
        let process: Int32
        let user: UInt32
        let group: UInt32
    }

    /// How long a daemon that was asked to end waits until the one who asked has the answer.
    static let lastWord = TimeAmount.seconds(2)

    /// SO_PEERCRED.
    private static let peerCredentials = CInt(17)

    /// A reason why nobody can listen there.
    struct Problem: Error, CustomStringConvertible {
        let description: String
    }

    /// Listens at `path` with mode 0600, and lets `users` (besides root) call.
    ///
    /// The socket belongs to the first of the users. Fails with a `Problem` where another daemon listens there.
    static func listen(
        path: String,
        router: CallRouter,
        users: [UInt32] = [geteuid()],
        eventLoop: any EventLoop,
        logger: Logger
    ) async throws -> any Channel {
        let listener = try bound(path)
        let allowed = Set(users + [0])
        let server = try await ServerBootstrap(group: eventLoop)
            .childChannelInitializer { channel in
                admit(channel, allowed).map { _ in
                    var configuration = LinkConfiguration { link in router.serve(link) }
                    // The other end is on this machine: the kernel tells when it is gone.
                    configuration.keepaliveIdle = nil
                    // The link starts when the channel has become active, after this initializer.
                    _ = Link.start(on: channel, role: .server, configuration: configuration)
                }.flatMapErrorThrowing { error in
                    logger.warning("caller refused", metadata: ["reason": "\(error)"])
                    throw error
                }
            }
            .withBoundSocket(listener)
            .get()
        if let owner = users.first, owner != geteuid() { chown(path, owner, gid_t.max) }
        return server
    }

    /// A listening socket's number, which is the caller's to close.
    private static func bound(_ path: String) throws -> CInt {
        do throws(SystemError) {
            let listener = try UnixSockets.listen(path)
            return listener.take()
        } catch {
            guard error.code == EADDRINUSE else { throw error }
            throw Problem(description: "\(path): another daemon listens there")
        }
    }

    /// Who is at the other end, as the kernel recorded it; fails when that is none of the users who may call.
    static func admit(
        _ channel: any Channel,
        _ allowed: Set<UInt32>
    ) -> EventLoopFuture<Caller> {
        channel.eventLoop.makeCompletedFuture {
            guard let provider = channel as? any SocketOptionProvider else { throw Problem(description: "no socket") }
            return provider
        }.flatMap { (provider: any SocketOptionProvider) in
            provider.unsafeGetSocketOption(level: .socket, name: .init(rawValue: peerCredentials))
                as EventLoopFuture<Caller>
        }.flatMapThrowing { peer in
            guard allowed.contains(peer.user) else {
                throw Problem(description: "user \(peer.user) may not call this daemon")
            }
            return peer
        }
    }
}
