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
                begin(requests.expectation, at: upstream)
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
        guard let part = pending.readSlice(length: count - early) else { return }
        upstream.write(part)
        if repeatable != nil { remember(part) }
    }

    /// The upstream for the head that is pending; nil where it has to wait for its turn, or for a dial.
    private func upstreamForHead() -> HTTPUpstream? {
        // Its beginning is there already.
        if passed > 0, let current { return current }
        if let current, !current.isLost {
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

    /// What cannot be followed goes to the app as it is, when its turn has come.
    func goRaw() {
        rawWanted = true
        guard let upstream = upstream(for: .app) else { return }
        enterRaw(upstream)
    }
}
