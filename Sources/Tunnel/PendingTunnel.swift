import HTTP2
import NIOCore

/// A tunnel whose request has come and whose answer is not given yet.
///
/// What the peer sends meanwhile is kept (no more than the stream's window, since nothing is consumed).
final class PendingTunnel {
    private let stream: HTTP2Stream
    private var early: [ByteBuffer] = []
    private var ended = false
    private(set) var isAlive = true
    /// Called when the peer gives up before the answer.
    var onAbandon: (() -> Void)?

    init(_ stream: HTTP2Stream) {
        self.stream = stream
        stream.onData = { [self] in early.append($0) }
        stream.onEnd = { [self] in ended = true }
        stream.onClose = { [self] _ in
            isAlive = false
            early = []
            onAbandon?()
            onAbandon = nil
        }
    }

    func fail(_ failure: DialFailure) {
        guard isAlive else { return }
        detach()
        TunnelServer.refuse(stream, failure)
    }

    func succeed(with channel: any Channel) {
        guard isAlive else {
            channel.close(promise: nil)
            return
        }
        let (early, ended) = detach()
        accept()
        Splice.join(channel, stream, early: early, ended: ended)
    }

    func succeed(withDatagrams channel: any Channel, idle: TimeAmount) {
        guard isAlive else {
            channel.close(promise: nil)
            return
        }
        let (early, ended) = detach()
        accept()
        DatagramSplice.join(channel, UDPTunnel(stream: stream), idle: idle, early: early, ended: ended)
    }

    func relay(_ result: Result<HTTP2Stream, DialFailure>) {
        switch result {
        case .failure(let failure): fail(failure)
        case .success(let far):
            guard isAlive else {
                far.reset(.cancel)
                return
            }
            let (early, ended) = detach()
            accept()
            Relay.join(stream, far, early: early, ended: ended)
        }
    }

    @discardableResult
    private func detach() -> (early: [ByteBuffer], ended: Bool) {
        isAlive = false
        onAbandon = nil
        stream.onData = nil
        stream.onEnd = nil
        stream.onClose = nil
        defer { early = [] }
        return (early, ended)
    }

    private func accept() {
        stream.sendHeaders([HeaderField(name: ":status", value: "200")], endStream: false)
    }
}
