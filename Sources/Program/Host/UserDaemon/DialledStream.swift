import HTTP2
import Network
import NIOCore
import Tunnel

/// An open tunnel that waits for the program's connection; what the far side says first is kept.
final class DialledStream: DialledConnection {
    private let stream: HTTP2Stream
    private var early: [ByteBuffer] = []
    private var ended = false
    private var closed: StreamCloseReason?

    init(_ stream: HTTP2Stream) {
        self.stream = stream
        // Nothing is consumed here: no more than the stream's window can come.
        stream.onData = { [self] in early.append($0) }
        stream.onEnd = { [self] in ended = true }
        stream.onClose = { [self] in closed = $0 }
    }

    func join(_ channel: any Channel) {
        release()
        guard closed == nil else { return SocketReset.close(channel) }
        Splice.join(channel, stream, early: early, ended: ended)
        early = []
    }

    func abandon() {
        release()
        stream.reset(.cancel)
    }

    private func release() {
        stream.onData = nil
        stream.onEnd = nil
        stream.onClose = nil
    }
}

/// A connection dialled from the workstation itself.
final class DialledChannel: DialledConnection {
    private let channel: any Channel

    init(_ channel: any Channel) {
        self.channel = channel
    }

    func join(_ program: any Channel) {
        ChannelGlue.join(program, channel)
    }

    func abandon() {
        channel.close(promise: nil)
    }
}
