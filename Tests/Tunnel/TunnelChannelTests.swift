import HTTP2
import NIOCore
import NIOPosix
import TestSupport
import Testing
import Tunnel

@Suite("A channel over a stream", .timeLimit(.minutes(1))) struct TunnelChannelTests {
    /// Notes what a channel tells.
    private final class Recorder: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer

        private(set) var events: [String] = []

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            events.append(String(buffer: Self.unwrapInboundIn(data)))
        }

        func channelReadComplete(context: ChannelHandlerContext) { events.append("complete") }

        func errorCaught(context: ChannelHandlerContext, error: any Error) { events.append("error") }

        func channelInactive(context: ChannelHandlerContext) { events.append("inactive") }
    }

    @Test("what came before a reset is still read, asked for or not", arguments: [true, false])
    func lastWords(autoRead: Bool) async throws {
        let pair = try await LinkPair.connect(
            listener: LinkConfiguration { link in
                link.onStream = { stream, _, _ in
                    stream.sendHeaders([HeaderField(":status", "200")], endStream: false)
                    stream.write(ByteBuffer(string: "bye"))
                    stream.resetInOrder(.connectError)
                }
            }
        )
        let loop = pair.dialler.eventLoop
        let dialler = TunnelDialler(link: pair.dialler)
        let recorder = try await loop.flatSubmit {
            let done = loop.makePromise(of: NIOLoopBound<Recorder>.self)
            dialler.openTCP(to: TunnelDestination(host: "127.0.0.1", port: 1)) { result in
                switch result {
                case .failure(let failure): done.fail(failure)
                case .success(let stream):
                    let channel = TunnelChannel.open(stream)
                    let recorder = NIOLoopBound(Recorder(), eventLoop: loop)
                    channel.closeFuture.whenSuccess { done.succeed(recorder) }
                    do {
                        try channel.pipeline.syncOperations.addHandler(recorder.value)
                        try channel.syncOptions?.setOption(.autoRead, value: autoRead)
                    } catch {
                        done.fail(error)
                    }
                }
            }
            return done.futureResult
        }.get()
        let events = try await loop.submit { recorder.value.events }.get()
        #expect(events == ["bye", "complete", "error", "inactive"])
        await pair.close()
    }
}
