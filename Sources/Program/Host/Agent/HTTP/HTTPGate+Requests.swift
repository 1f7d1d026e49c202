import Actor
import HTTPFilter
import NIOCore
import Tunnel

// Who gets what of the client's bytes.
extension HTTPGate {
    func sniff() {
        guard pending.readableBytes > 0 else { return }
        switch pending.withUnsafeReadableBytes({ ProtocolGuess($0) }) {
        case .undecided:
            passEarly()
            if passed == 0 { armTimer() }
        case .http1:
            settle(.requests)
            followRequests()
        case .http2: startHTTP2()
        case .other: goRaw()
        }
    }

    /// Where it is clear who gets a request, it need not wait for the rest of its head.
    private func passEarly() {
        guard let current, current.destination == .app, port.router.standing == .app else { return }
        guard let part = pending.getSlice(at: pending.readerIndex + passed, length: pending.readableBytes - passed)
        else { return }
        passed = pending.readableBytes
        current.write(part)
    }

    func followRequests() {
        while pending.readableBytes > 0 {
            switch pending.withUnsafeReadableBytes({ requests.look($0) }) {
            case .partialHead:
                if current?.responses.isSwitchPending == true { isHeld = true } else { passEarly() }
                return
            case .head(let count):
                guard let upstream = upstreamForHead() else { return }
                upstream.responses.expect(requests.expectation)
                requests.accept()
                isForcedToApp = false
                pass(count, to: upstream)
            case .body(let count):
                guard let current else { return resetClient() }
                pass(count, to: current)
            case .malformed:
                // In a body it is its destination's; else it is for the app to say what is wrong.
                if !requests.isAtHead, let current { enterRaw(current) } else { goRaw() }
                return
            }
        }
        // No memory for a connection that idles.
        pending = ByteBuffer()
    }

    private func pass(_ count: Int, to upstream: HTTPUpstream) {
        let early = min(passed, count)
        passed -= early
        pending.moveReaderIndex(forwardBy: early)
        if count == early { return }
        if let part = pending.readSlice(length: count - early) { upstream.write(part) }
    }

    /// The upstream for the head that is pending; nil where it has to wait for its turn, or for a dial.
    private func upstreamForHead() -> HTTPUpstream? {
        // Its beginning is there already.
        if passed > 0, let current { return current }
        if let current {
            if current.responses.isSwitchPending || current.responses.outstanding >= Self.pipelineLimit {
                isHeld = true
                return nil
            }
        }
        let destination = destinationForHead()
        return upstream(for: destination)
    }

    private func destinationForHead() -> RequestDestination {
        if isForcedToApp { return .app }
        let destination =
            port.router.standing ?? pending.withUnsafeReadableBytes { port.router.destination(of: requests.view($0)) }
        if case .workstation(let target) = destination, !port.dialler.hasWay(to: target) { return .app }
        return destination
    }

    /// An open upstream, or nil: then `advance` is called when it may be there.
    private func upstream(for destination: RequestDestination) -> HTTPUpstream? {
        if let current {
            if current.destination == destination { return current }
            if current.responses.outstanding > 0 {
                isHeld = true
                return nil
            }
            others.append(current)
            self.current = nil
        }
        if let index = others.firstIndex(where: { $0.destination == destination }) {
            let upstream = others.remove(at: index)
            current = upstream
            return upstream
        }
        tidy()
        dial(destination)
        return nil
    }

    /// Leaves the workstations that have nothing here any more.
    private func tidy() {
        guard others.count > 1 else { return }
        for other in others where other.destination != .app { drop(other) }
    }

    /// What cannot be followed goes to the app as it is, when its turn has come.
    func goRaw() {
        rawWanted = true
        guard let upstream = upstream(for: .app) else { return }
        enterRaw(upstream)
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
        advance()
    }
}
