package import HTTP2
package import NIOCore

/// Opens tunnels over a link of which this side is the HTTP/2 client. Confined to the link's event loop.
package final class TunnelDialler {
    private let link: Link
    private let eventLoop: any EventLoop

    package init(link: Link, eventLoop: any EventLoop) {
        self.link = link
        self.eventLoop = eventLoop
    }

    /// Opens a TCP tunnel by CONNECT (RFC 9113 §8.5).
    ///
    /// - Parameters:
    ///   - timeout: how long the far dial may take; nil leaves it to the far side.
    ///   - completion: called once on the loop, with the stream open both ways; its owner sets the stream's callbacks
    ///     before returning.
    /// - Returns: a function that cancels the dial; harmless once it is done.
    @discardableResult
    package func openTCP(
        to destination: TunnelDestination,
        fields: [HeaderField] = [],
        timeout: TimeAmount? = nil,
        then completion: @escaping (Result<HTTP2Stream, DialFailure>) -> Void
    ) -> () -> Void {
        open(
            [
                HeaderField(name: ":method", value: "CONNECT"),
                HeaderField(name: ":authority", value: destination.authority),
            ]
                + fields,
            timeout: timeout,
            then: completion
        )
    }

    /// Opens a UDP tunnel by extended CONNECT (RFC 9298).
    @discardableResult
    package func openUDP(
        to destination: TunnelDestination,
        fields: [HeaderField] = [],
        timeout: TimeAmount? = nil,
        then completion: @escaping (Result<UDPTunnel, DialFailure>) -> Void
    ) -> () -> Void {
        open(
            [
                HeaderField(name: ":method", value: "CONNECT"),
                HeaderField(name: ":protocol", value: "connect-udp"),
                HeaderField(name: ":scheme", value: "https"),
                HeaderField(name: ":authority", value: "telepresence"),
                HeaderField(name: ":path", value: destination.path),
                HeaderField(name: "capsule-protocol", value: "?1"),
            ] + fields,
            timeout: timeout
        ) { completion($0.map { UDPTunnel(stream: $0) }) }
    }

    private func open(
        _ fields: [HeaderField],
        timeout: TimeAmount?,
        then completion: @escaping (Result<HTTP2Stream, DialFailure>) -> Void
    ) -> () -> Void {
        let dial = Dial(completion)
        do throws(HTTP2Error) {
            dial.stream = try link.open(fields, endStream: false)
        } catch {
            // Not from within the caller's call: it may not have stored what it needs to answer.
            let failure = NIOLoopBound(dial, eventLoop: eventLoop)
            eventLoop.execute { failure.value.finish(.failure(.linkLost)) }
            return {}
        }
        dial.watch()
        if let timeout {
            let bound = NIOLoopBound(dial, eventLoop: eventLoop)
            dial.timer = eventLoop.scheduleTask(in: timeout) { bound.value.abandon(.timeout) }
        }
        return { dial.abandon(nil) }
    }
}

/// One dial under way.
private final class Dial {
    var stream: HTTP2Stream?
    var timer: Scheduled<Void>?
    private var completion: ((Result<HTTP2Stream, DialFailure>) -> Void)?

    init(_ completion: @escaping (Result<HTTP2Stream, DialFailure>) -> Void) {
        self.completion = completion
    }

    func watch() {
        guard let stream else { return }
        stream.onHeaders = { [self] fields, endStream in
            let status = fields.first { $0.name == ":status" }?.value ?? ""
            guard status == "200" else {
                let token = fields.first { $0.name == "tp-dial-error" }?.value
                if !endStream { stream.reset(.cancel) }
                finish(.failure(DialFailure(status: status, token: token)))
                return
            }
            finish(.success(stream))
        }
        stream.onClose = { [self] reason in
            switch reason {
            case .linkLost: finish(.failure(.linkLost))
            case .finished, .reset: finish(.failure(.failed("the far side ended the tunnel without an answer")))
            }
        }
    }

    /// Gives up; tells the owner only where there is a reason that it does not know.
    func abandon(_ failure: DialFailure?) {
        guard completion != nil else { return }
        let stream = self.stream
        if let failure { finish(.failure(failure)) } else { finish(nil) }
        stream?.reset(.cancel)
    }

    func finish(_ result: Result<HTTP2Stream, DialFailure>?) {
        guard let completion else { return }
        self.completion = nil
        timer?.cancel()
        stream?.onHeaders = nil
        stream?.onClose = nil
        stream = nil
        if let result { completion(result) }
    }
}
