import Actor
import HTTPFilter
import NIOCore
import Tunnel

// Which upstreams there are, for how long, and what becomes of a request whose upstream goes away.
extension HTTPGate {
    /// A request of which no answer has come, sent on an upstream that was kept: it may have crossed with that one's end.
    struct Repeatable {
        /// More is not kept.
        static let limit = 64 << 10

        let expectation: HTTPFilter.Expectation
        var parts: [ByteBuffer] = []
        var size = 0
    }

    /// An open upstream, or nil: then `advance` is called when it may be there.
    func upstream(for destination: RequestDestination) -> HTTPUpstream? {
        if let current {
            if current.destination == destination, !isStale(current) { return current }
            guard !current.isLost else {
                // Nobody knows where its answer ends, and what is asked now is not for it.
                resetClient()
                return nil
            }
            if current.responses.outstanding > 0 {
                isHeld = true
                return nil
            }
            if current.destination == destination { drop(current) } else { keep(current) }
        }
        if let index = others.firstIndex(where: { $0.destination == destination }) {
            let upstream = others.remove(at: index)
            if !isStale(upstream) {
                current = upstream
                return upstream
            }
            upstream.leave()
        }
        if others.count > 1 { for other in others where other.destination != .app { drop(other) } }
        dial(destination)
        return nil
    }

    /// Whether it has been idle for so long that its far end may be gone without a word.
    ///
    /// A new tunnel is answered within the patience, or the app gets the request; on one that is dead a request would wait for as
    /// long as it takes to notice that.
    private func isStale(_ upstream: HTTPUpstream) -> Bool {
        if upstream === current, upstream.destination == .app || upstream.responses.outstanding > 0 { return false }
        return upstream.lastHeard + port.idleTime < .now()
    }

    /// Keeps the present upstream for later.
    private func keep(_ upstream: HTTPUpstream) {
        current = nil
        // RFC 9112, 9.6: nothing more is asked of it.
        guard !upstream.responses.isLast else { return upstream.leave() }
        upstream.lastHeard = .now()
        upstream.wasKept = true
        others.append(upstream)
        armIdleTimer()
    }

    /// No upstream that nobody needs is kept for long: not the tunnel, and not the connection of the app, which would end it itself.
    private func armIdleTimer() {
        guard idleTimer == nil else { return }
        idleTimer = port.eventLoop.assumeIsolated().scheduleTask(in: port.idleTime) { [weak self] in self?.idleTimeout()
        }
    }

    private func idleTimeout() {
        idleTimer = nil
        guard mode == .requests else { return }
        for other in others where isStale(other) { drop(other) }
        if let current, isStale(current), requests.isAtHead, pending.readableBytes == 0, !current.responses.isLast {
            drop(current)
        }
        if !others.isEmpty || current.map({ $0.destination != .app }) ?? false { armIdleTimer() }
    }

    // MARK: Requests that may be sent once more

    /// A request begins at an upstream.
    func begin(_ expectation: HTTPFilter.Expectation, at upstream: HTTPUpstream) {
        let isFirst = upstream.responses.outstanding == 0
        // The client's own connection to the app ends with that to the app; of another's end it would not know.
        let isKept = upstream.isUsed && (upstream.destination != .app || upstream.wasKept)
        repeatable =
            isKept && isFirst && passed == 0 && expectation.isRepeatable && !expectation.maySwitch
            ? Repeatable(expectation: expectation) : nil
        upstream.responses.expect(expectation)
    }

    func remember(_ part: ByteBuffer) {
        guard let size = repeatable?.size, size + part.readableBytes <= Repeatable.limit else {
            repeatable = nil
            return
        }
        repeatable?.size += part.readableBytes
        repeatable?.parts.append(part)
    }

    /// The upstream has ended: sends the request on another connection, where that is right (RFC 9110, 9.2.2).
    func repeats(_ upstream: HTTPUpstream) -> Bool {
        guard mode == .requests, upstream === current, let request = repeatable else { return false }
        repeatable = nil
        repeated = request
        drop(upstream)
        dial(upstream.destination)
        return true
    }

    // MARK: Dials

    func dial(_ destination: RequestDestination) {
        isDialling = true
        switch destination {
        case .app:
            port.dialler.dialApp { [self] result in
                switch result {
                case .success(let channel):
                    port.counts.app += 1
                    joined(HTTPUpstream(.app, channel))
                // The app refuses: so do we, as it would have done itself.
                case .failure: resetClient()
                }
            }
        case .workstation(let target):
            port.dialler.dialWorkstation(target) { [self] result in
                switch result {
                case .success(let channel):
                    port.counts.workstation += 1
                    joined(HTTPUpstream(destination, channel))
                case .failure:
                    port.counts.fallback += 1
                    guard repeated == nil else { return dial(.app) }
                    isDialling = false
                    isForcedToApp = true
                    advance()
                }
            }
        }
    }

    private func joined(_ upstream: HTTPUpstream) {
        isDialling = false
        guard mode != .over, context != nil else { return upstream.leave() }
        guard upstream.join(self) else { return resetClient() }
        if let former = current { others.append(former) }
        current = upstream
        if upstream.destination != .app { armIdleTimer() }
        if let request = repeated {
            repeated = nil
            upstream.responses.expect(request.expectation)
            for part in request.parts { upstream.write(part) }
        }
        advance()
    }
}
