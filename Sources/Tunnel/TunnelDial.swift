internal import HTTP2
internal import NIOCore

/// One tunnel being opened; confined to its link's loop.
final class TunnelDial {
    private var stream: HTTP2Stream?
    private var timer: Scheduled<Void>?
    private var completion: ((Result<HTTP2Stream, DialFailure>) -> Void)?

    init(_ completion: @escaping (Result<HTTP2Stream, DialFailure>) -> Void) { self.completion = completion }

    /// Gives up after so long.
    func limit(_ timeout: TimeAmount?, on loop: any EventLoop) {
        guard let timeout else { return }
        self.timer = loop.assumeIsolated().scheduleTask(in: timeout) { self.abandon(.timeout) }
    }

    /// Sends the request.
    func start(on link: Link, _ fields: [HeaderField]) {
        guard self.completion != nil else { return }
        let stream: HTTP2Stream
        do throws(HTTP2Error) {
            stream = try link.open(fields, endStream: false)
        } catch {
            return self.failLater(.linkLost, on: link.eventLoop)
        }
        self.stream = stream
        stream.onHeaders = { fields, endStream in
            let status = fields[":status"] ?? ""
            if status == "200" { return self.finish(.success(stream)) }
            // Our half is still open, and nobody is going to use it. Resets are counted against a flood.
            if endStream { stream.end() } else { stream.reset(.cancel) }
            self.finish(.failure(DialFailure(status: status, token: fields["tp-dial-error"])))
        }
        stream.onClose = { reason in
            switch reason {
            case .linkLost: self.finish(.failure(.linkLost))
            case .reset(.refusedStream): self.finish(.failure(.failed("the far side takes no tunnels now")))
            case .finished, .reset:
                self.finish(.failure(.failed("the far side ended the tunnel without an answer")))
            }
        }
    }

    /// Fails, but not from within the caller's call: it may not have stored what it needs to answer.
    func failLater(_ failure: DialFailure, on loop: any EventLoop) {
        loop.assumeIsolated().execute { self.finish(.failure(failure)) }
    }

    /// Gives up; tells the owner only where there is a reason that it does not know.
    func abandon(_ failure: DialFailure?) {
        guard self.completion != nil else { return }
        let stream = self.stream
        self.finish(failure.map { .failure($0) })
        stream?.reset(.cancel)
    }

    private func finish(_ result: Result<HTTP2Stream, DialFailure>?) {
        guard let completion = self.completion else { return }
        self.completion = nil
        self.timer?.cancel()
        self.timer = nil
        self.stream?.onHeaders = nil
        self.stream?.onClose = nil
        self.stream = nil
        if let result { completion(result) }
    }
}
