import Call
import Foundation
import HTTP2
import NIOCore
import NIOPosix

/// A link to a daemon's Unix socket, for calls.
struct CallLine: Sendable {
    let client: CallClient
    private let channel: any Channel

    /// Connects to the socket at `path`; fails where nobody listens.
    init(path: String) async throws {
        // One loop is enough for a command, and threads cost start-up time.
        let eventLoop = MultiThreadedEventLoopGroup.singleton.next()
        let started = eventLoop.makePromise(of: CallClient.self)
        var configuration = LinkConfiguration()
        // The other end is on this machine: the kernel tells when it is gone.
        configuration.keepaliveIdle = nil
        let settings = configuration
        do {
            channel = try await ClientBootstrap(group: eventLoop)
                .connectTimeout(.seconds(2))
                .channelInitializer { channel in
                    Link.start(on: channel, role: .client, configuration: settings)
                        .map { CallClient(link: $0, scheme: "http") }
                        .cascade(to: started)
                    return channel.eventLoop.makeSucceededVoidFuture()
                }
                .connect(unixDomainSocketPath: path).get()
        } catch {
            started.fail(error)
            throw error
        }
        client = try await started.futureResult.get()
    }

    /// Closes the link.
    func close() async {
        try? await channel.close().get()
    }
}
