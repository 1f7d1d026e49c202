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
        let bootstrap = ClientBootstrap(group: MultiThreadedEventLoopGroup.singleton.next())
            .connectTimeout(.seconds(2))
        channel = try await bootstrap.connect(unixDomainSocketPath: path).get()
        let channel = channel
        client = try await channel.eventLoop.flatSubmit {
            Link.start(on: channel, role: .client, configuration: LinkConfiguration()).map { CallClient(link: $0) }
        }.get()
    }

    /// Closes the link.
    func close() async {
        try? await channel.close().get()
    }
}
