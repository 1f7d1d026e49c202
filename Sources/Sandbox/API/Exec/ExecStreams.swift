import Cluster
import NIOCore
import NIOPosix

/// A process's ends on the event loop of the connection that they are carried on.
///
/// Confined to that loop. Tells output as it comes, and in the end, after all output, the `Status` for the client.
final class ExecStreams {
    /// What happens.
    struct Callbacks {
        /// Output, with its stream: 1 or 2.
        var data: (UInt8, ByteBuffer) -> Void
        /// A burst of output is over.
        var readComplete: () -> Void
        /// There is room for input again, or none.
        var writability: () -> Void
        /// All over; called once.
        var end: (JSONValue) -> Void
    }

    /// How long output is waited for after the process has ended: others may hold its pipes.
    private static let patience = TimeAmount.seconds(2)

    private let loop: any EventLoop
    private var callbacks: Callbacks?
    private var session: ExecSession?
    private var input: (any Channel)?
    private var outputs: [any Channel] = []
    private var open = 0
    private var outcome: JSONValue?
    private var early: [ByteBuffer] = []
    private var inputEnded = false
    private var size: (UInt16, UInt16)?
    private var reading = true

    /// Begins.
    init(_ target: ExecTarget, on loop: any EventLoop, callbacks: Callbacks) {
        self.loop = loop
        self.callbacks = callbacks
        let bound = NIOLoopBound(self, eventLoop: loop)
        loop.makeFutureWithTask { () throws -> ExecSession in try await target.begin() }.whenComplete { result in
            switch result {
            case .success(let session): bound.value.begin(session)
            case .failure(let error):
                let failure = error as? StatusError ?? .internalError("\(error)")
                bound.value.finish(failure.body)
            }
        }
    }

    /// Whether more input can be taken without piling up.
    var isWritable: Bool {
        if let input = self.input { return input.isWritable }
        return self.session != nil || self.early.count < 64
    }

    /// Sends input.
    func write(_ bytes: ByteBuffer) {
        guard self.callbacks != nil else { return }
        if let input = self.input {
            input.writeAndFlush(bytes, promise: nil)
        } else if self.session == nil {
            self.early.append(bytes)
        }
    }

    /// The client sends no more.
    func closeInput() {
        guard !self.inputEnded else { return }
        self.inputEnded = true
        guard let session = self.session else { return }
        session.inputEnded()
        if let input = self.input { self.closeWhenWritten(input) }
        self.input = nil
    }

    private func closeWhenWritten(_ channel: any Channel) {
        channel.writeAndFlush(ByteBuffer()).whenComplete { _ in channel.close(promise: nil) }
    }

    /// Sets the terminal's size.
    func resize(_ columns: UInt16, _ rows: UInt16) {
        self.size = (columns, rows)
        self.session?.resize(columns, rows)
    }

    /// Whether to read output.
    func setReading(_ reading: Bool) {
        guard reading != self.reading else { return }
        self.reading = reading
        for channel in self.outputs { try? channel.syncOptions?.setOption(.autoRead, value: reading) }
    }

    /// The client has gone: lets go of everything; a process without a terminal goes on.
    func close() {
        self.callbacks = nil
        self.session?.closed()
        self.input?.close(promise: nil)
        for channel in self.outputs { channel.close(promise: nil) }
        self.input = nil
        self.outputs = []
    }

    private func begin(_ session: ExecSession) {
        self.session = session
        let bound = NIOLoopBound(self, eventLoop: self.loop)
        if let (columns, rows) = self.size { session.resize(columns, rows) }
        for (number, descriptor) in [(UInt8(1), session.output), (2, session.error)] {
            guard let descriptor else { continue }
            self.open += 1
            let bootstrap = NIOPipeBootstrap(group: self.loop).channelOption(.autoRead, value: false)
                .channelInitializer { channel in
                    channel.eventLoop.makeCompletedFuture {
                        try channel.pipeline.syncOperations.addHandler(Output(bound.value, number))
                    }
                }
            bootstrap.takingOwnershipOfDescriptor(input: descriptor).whenComplete { result in
                guard case .success(let channel) = result else { return bound.value.outputEnded() }
                let this = bound.value
                guard this.callbacks != nil else { return channel.close(promise: nil) }
                this.outputs.append(channel)
                if this.reading { try? channel.syncOptions?.setOption(.autoRead, value: true) }
            }
        }
        if let descriptor = session.input {
            NIOPipeBootstrap(group: self.loop).channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(Input(bound.value))
                }
            }.takingOwnershipOfDescriptor(output: descriptor).whenSuccess { channel in bound.value.connected(channel) }
        }
        self.loop.makeFutureWithTask { await session.exit() }.whenSuccess { outcome in
            bound.value.ended(ExecTarget.report(outcome))
        }
    }

    private func connected(_ channel: any Channel) {
        guard self.callbacks != nil else { return channel.close(promise: nil) }
        for bytes in self.early { channel.write(bytes, promise: nil) }
        self.early = []
        if self.inputEnded {
            self.session?.inputEnded()
            return self.closeWhenWritten(channel)
        }
        self.input = channel
        channel.flush()
        self.callbacks?.writability()
    }

    private func ended(_ outcome: JSONValue) {
        self.outcome = outcome
        if self.open == 0 { return self.finish(outcome) }
        let bound = NIOLoopBound(self, eventLoop: self.loop)
        self.loop.scheduleTask(in: Self.patience) { bound.value.finish(outcome) }
    }

    private func outputEnded() {
        self.open -= 1
        if self.open == 0, let outcome = self.outcome { self.finish(outcome) }
    }

    private func finish(_ outcome: JSONValue) {
        guard let callbacks = self.callbacks else { return }
        self.close()
        callbacks.end(outcome)
    }

    /// The end of a pipe that brings output.
    private final class Output: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let streams: ExecStreams
        private let number: UInt8

        init(_ streams: ExecStreams, _ number: UInt8) {
            self.streams = streams
            self.number = number
        }

        func channelRead(context: ChannelHandlerContext, data: NIOAny) {
            self.streams.callbacks?.data(self.number, self.unwrapInboundIn(data))
        }

        func channelReadComplete(context: ChannelHandlerContext) { self.streams.callbacks?.readComplete() }

        // A terminal without a process is an error to read from, and the end.
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        func channelInactive(context: ChannelHandlerContext) { self.streams.outputEnded() }
    }

    /// The end of a pipe that takes input.
    private final class Input: ChannelInboundHandler {
        typealias InboundIn = ByteBuffer
        private let streams: ExecStreams

        init(_ streams: ExecStreams) { self.streams = streams }

        func channelWritabilityChanged(context: ChannelHandlerContext) { self.streams.callbacks?.writability() }

        // The process does not read any more: what comes is dropped.
        func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

        func channelInactive(context: ChannelHandlerContext) { self.streams.callbacks?.writability() }
    }
}
