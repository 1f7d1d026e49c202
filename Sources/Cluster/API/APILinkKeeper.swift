internal import HTTP2
internal import NIOCore
internal import TLS

/// Keeps one HTTP/2 connection to the API server, made when it is needed and again after it was lost.
///
/// Concurrency model: touched on ``eventLoop`` alone; only the reference travels.
final class APILinkKeeper {
    private enum State {
        case idle
        case connecting(Credential, [EventLoopPromise<Link>])
        case open(Credential, Link)
    }

    private let access: ClusterAccess
    private let eventLoop: any EventLoop
    private let timeout: TimeAmount
    private var state = State.idle
    /// Counts connections, so that a late end of an older one does not touch a newer.
    private var generation = 0
    private var closed = false

    init(access: ClusterAccess, eventLoop: any EventLoop, timeout: TimeAmount) {
        self.access = access
        self.eventLoop = eventLoop
        self.timeout = timeout
    }

    /// A link whose TLS identity is that of the credential.
    func link(for credential: Credential) -> EventLoopFuture<Link> {
        guard !closed else { return eventLoop.makeFailedFuture(ChannelError.ioOnClosedChannel) }
        let promise = eventLoop.makePromise(of: Link.self)
        switch state {
        case .open(let used, let link) where link.closeReason == nil && Self.sameIdentity(used, credential):
            promise.succeed(link)
        case .connecting(let used, var waiting) where Self.sameIdentity(used, credential):
            waiting.append(promise)
            state = .connecting(used, waiting)
        default:
            // An older link finishes what it carries; a connection under way serves those who wait for it.
            if case .open(_, let link) = state { link.drain() }
            if case .connecting(_, let waiting) = state { forward(waiting, to: promise) }
            generation += 1
            state = .connecting(credential, [promise])
            connect(credential, generation)
        }
        return promise.futureResult
    }

    /// Ends the connection; later requests fail.
    func close() {
        closed = true
        generation += 1
        switch state {
        case .open(_, let link): link.close()
        case .connecting(_, let waiting):
            for promise in waiting { promise.fail(ChannelError.ioOnClosedChannel) }
        case .idle: break
        }
        state = .idle
    }

    private func forward(_ waiting: [EventLoopPromise<Link>], to promise: EventLoopPromise<Link>) {
        for other in waiting { promise.futureResult.cascade(to: other) }
    }

    private static func sameIdentity(_ a: Credential, _ b: Credential) -> Bool {
        a.certificatePEM == b.certificatePEM && a.privateKeyPEM == b.privateKeyPEM
    }

    private func connect(_ credential: Credential, _ generation: Int) {
        let tls: TLSContext
        do throws(TLSError) {
            tls = try access.tlsContext(credential: credential, alpn: ["h2"])
        } catch {
            return settle(.failure(error), generation)
        }
        let serverName = access.endpoint.tlsServerName ?? access.endpoint.host
        ServerDial.connect(access.endpoint, on: eventLoop, timeout: timeout)
            .flatMap { channel in
                Link.startTLS(
                    on: channel,
                    context: tls,
                    dialler: serverName,
                    configuration: LinkConfiguration()
                )
            }
            .whenComplete { result in self.settle(result, generation) }
    }

    private func settle(_ result: Result<Link, any Error>, _ generation: Int) {
        guard generation == self.generation, case .connecting(let credential, let waiting) = state else {
            if case .success(let link) = result { link.close() }
            return
        }
        switch result {
        case .success(let link):
            state = .open(credential, link)
            let forget = { [weak self] in
                guard let self, generation == self.generation else { return }
                self.state = .idle
            }
            link.onClose = { _ in forget() }
            link.onGoAway = forget
            for promise in waiting { promise.succeed(link) }
        case .failure(let error):
            state = .idle
            for promise in waiting { promise.fail(error) }
        }
    }
}

// Confined to the loop, see "Concurrency model" above.
extension APILinkKeeper: @unchecked Sendable {}
