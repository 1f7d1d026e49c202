import HTTP2
import NIOCore
import NIOPosix
import TLS
import Tunnel
import TestSupport

/// A way through tunnels, with an ordinary listening socket in front of it.
///
///     program ──TCP──► front ══link══► server ──TCP──► destination              plain, tls
///     program ──TCP──► front ══link══► middle ══link══► server ──► destination  relay
///
/// Middle's two links are on different loops. The second link of `relay` is `h2-reverse`: the server has dialled it.
final class TunnelPath: Sendable {
    enum Kind: String, Sendable, CaseIterable { case plain, tls, relay }

    let port: UInt16
    /// All links, the front's first.
    let links: [LinkPair]
    let dialler: TunnelDialler
    let streams = Streams()
    private let front: any Channel

    /// What passes the front; touched on the front's loop alone.
    final class Streams: @unchecked Sendable {
        var streams: [HTTP2Stream] = []
        var failures: [DialFailure] = []
    }

    /// Makes a way to a port on loopback.
    init(
        _ kind: Kind,
        to target: UInt16,
        host: String = "127.0.0.1",
        dialTimeout: TimeAmount = .seconds(10),
        idle: TimeAmount = .seconds(60),
        group: any EventLoopGroup = MultiThreadedEventLoopGroup.singleton
    ) async throws {
        let serve = LinkConfiguration { link in
            guard link.role == .server else { return }
            let server = TunnelServer(eventLoop: link.eventLoop, dialTimeout: dialTimeout, idleTimeout: idle) {
                request,
                answer in
                answer(request.fields["x-forbidden"] == nil ? .dial(request.destination) : .refuse(.policy))
            }
            link.onStream = { stream, fields, _ in if !server.handle(stream, fields) { stream.reset(.refusedStream) } }
        }
        switch kind {
        case .plain:
            let pair = try await LinkPair.connect(listener: serve)
            self.links = [pair]
        case .tls:
            let tls = try TestTLS(client: ["h2"], server: ["h2"])
            self.links = [try await LinkPair.connect(tls: (tls.client, tls.server), listener: serve)]
        case .relay:
            let reverse = try TestTLS(client: ["h2-reverse"], server: ["h2", "h2-reverse"])
            let loops = group.makeIterator().map { $0 }
            let outer = try await LinkPair.connect(
                tls: (reverse.client, reverse.server),
                dialler: serve,
                group: loops[0]
            )
            let onward = TunnelDialler(link: outer.listener)
            let inner = try await LinkPair.connect(
                listener: LinkConfiguration { link in
                    let middle = TunnelServer(eventLoop: link.eventLoop) { request, answer in
                        let fields = request.fields.filter { $0.name.hasPrefix("x-") }
                        answer(.relay(onward, request.destination, fields: fields, timeout: nil))
                    }
                    link.onStream = { stream, fields, _ in _ = middle.handle(stream, fields) }
                },
                group: loops[loops.count - 1]
            )
            self.links = [inner, outer]
        }
        let dialler = TunnelDialler(link: self.links[0].dialler)
        self.dialler = dialler
        let streams = self.streams
        // The front shares the link's loop, as the two ends of a tunnel must.
        let front = try await ServerBootstrap(group: dialler.link.eventLoop)
            .serverChannelOption(.backlog, value: 512)
            .childChannelOption(.autoRead, value: false)
            .childChannelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    dialler.openTCP(to: TunnelDestination(host: host, port: target)) { result in
                        switch result {
                        case .success(let stream):
                            streams.streams.append(stream)
                            Splice.join(channel, stream)
                        case .failure(let failure):
                            streams.failures.append(failure)
                            SocketReset.close(channel)
                        }
                    }
                }
            }
            .bind(host: "127.0.0.1", port: 0).get()
        self.front = front
        self.port = UInt16(front.localAddress?.port ?? 0)
    }

    /// Dials through the tunnel without a socket in front; what the far side said.
    func dial(
        _ destination: TunnelDestination,
        fields: [HeaderField] = [],
        timeout: TimeAmount? = nil
    ) async throws -> DialFailure? {
        try await self.dialler.link.eventLoop.flatSubmit {
            let done = self.dialler.link.eventLoop.makePromise(of: DialFailure?.self)
            self.dialler.openTCP(to: destination, fields: fields, timeout: timeout) { result in
                switch result {
                case .success(let stream):
                    stream.reset(.cancel)
                    done.succeed(nil)
                case .failure(let failure): done.succeed(failure)
                }
            }
            return done.futureResult
        }.get()
    }

    /// Waits until no link has an open stream.
    func settled() async throws -> Bool {
        for link in self.links.flatMap({ [$0.dialler, $0.listener] }) {
            var tries = 0
            while try await link.eventLoop.submit({ link.streamCount }).get() > 0 {
                tries += 1
                if tries > 2000 { return false }
                try await Task.sleep(for: .milliseconds(5))
            }
        }
        return true
    }

    func close() async {
        try? await self.front.close()
        for link in self.links { await link.close() }
    }
}
