import NIOCore
import NIOPosix

/// Asks by datagrams again and again from one and the same port, as senders of logs and metrics do.
final class SteadyAsker: Sendable {
    private let channel: any Channel
    private let answers: NIOLoopBound<Answers>

    init(port: Int) async throws {
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        channel = try await DatagramBootstrap(group: loop).connect(host: "127.0.0.1", port: port).get()
        answers = try await loop.submit { [channel] in
            let answers = Answers()
            try channel.pipeline.syncOperations.addHandler(answers)
            return NIOLoopBound(answers, eventLoop: loop)
        }.get()
    }

    /// The first answer to `text`, which is sent every 100 ms until it is there.
    func ask(_ text: String, patience: TimeAmount = .seconds(40)) async throws -> String {
        let loop = channel.eventLoop
        return try await loop.flatSubmit { [channel, answers] in
            let promise = loop.makePromise(of: String.self)
            answers.value.wanted = (text, promise)
            let repeated = loop.scheduleRepeatedTask(initialDelay: .zero, delay: .milliseconds(100)) { _ in
                channel.writeAndFlush(ByteBuffer(string: text), promise: nil)
            }
            let timer = loop.scheduleTask(in: patience) { promise.fail(Asker.Silence()) }
            promise.futureResult.whenComplete { _ in
                timer.cancel()
                repeated.cancel()
            }
            return promise.futureResult
        }.get()
    }

    func close() async {
        try? await channel.close()
    }

    /// Gives the answer that is waited for; what was asked before may be answered late.
    private final class Answers: ChannelInboundHandler {
        typealias InboundIn = AddressedEnvelope<ByteBuffer>

        var wanted: (text: String, promise: EventLoopPromise<String>)?

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            let answer = String(buffer: Self.unwrapInboundIn(data).data)
            guard let wanted, answer.hasSuffix(":" + wanted.text) else { return }
            self.wanted = nil
            wanted.promise.succeed(answer)
        }

        func errorCaught(context: ChannelHandlerContext, error: any Error) {}
    }
}
