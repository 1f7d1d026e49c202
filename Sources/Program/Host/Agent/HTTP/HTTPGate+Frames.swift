import HTTPFilter
import NIOCore

// HTTP/2 of a port where everything goes to the app: passed on as it is, with nothing but its frames' lengths looked at. When an
// attachment comes, the connection cannot be ended here any more, as the headers' compression has a past; so the client is told
// to come again for new requests, by a GOAWAY between two frames of the app. What is open goes on.
// On other ports the connection ends here.
extension HTTPGate {
    func startHTTP2() {
        if port.router.standing == .app, current?.destination == .app {
            settle(.frames)
            port.entered(self)
            passAll()
            return
        }
        endHTTP2()
    }

    /// Where requests may go to several, the connection ends here: another takes it over, with what has come.
    private func endHTTP2() {
        settle(.leaving)
        if let current { drop(current) }
        for other in others { drop(other) }
        HTTP2Gate(port).prepare { [self] gate in
            guard mode == .leaving, let context else { return gate.end() }
            gate.serve(context.channel)
            context.fireChannelRead(NIOAny(pending))
            context.fireChannelReadComplete()
            pending = ByteBuffer()
            leave()
        }
    }

    func receivedFrames(_ buffer: ByteBuffer) {
        var buffer = buffer
        if farewellWanted, !farewellSent {
            let count = buffer.withUnsafeReadableBytes { frames.advance($0, stoppingAtBoundary: true) }
            if let part = buffer.readSlice(length: count), count > 0 { writeClient(part) }
            sayFarewell()
            guard buffer.readableBytes > 0 else { return }
        }
        _ = buffer.withUnsafeReadableBytes { frames.advance($0, stoppingAtBoundary: false) }
        writeClient(buffer)
    }

    /// The port's routes may have changed.
    func checkFrames() {
        guard mode == .frames, !farewellWanted, port.router.standing != .app else { return }
        farewellWanted = true
        sayFarewell()
        flushClient()
    }

    private func sayFarewell() {
        guard farewellWanted, !farewellSent, frames.isAtBoundary else { return }
        farewellSent = true
        writeClient(ByteBuffer(bytes: FrameFollower.goAway))
    }
}
