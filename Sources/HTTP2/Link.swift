import Kernel
package import NIOCore
import Synchronization
package import TLS

/// One HTTP/2 connection on a channel.
///
/// Confined to the channel's event loop, like all its callbacks.
/// Concurrency model: everything but ``eventLoop`` is touched on that loop alone. References may travel; uses must hop
/// (`link.eventLoop.execute`). Output is made by one pump per tick, never inside nghttp2's callbacks.
package final class Link {
    /// Which side of HTTP/2 this is: clients open streams.
    package enum Role: Sendable, Equatable { case client, server }

    private enum State: Equatable { case starting, open, draining, closed(LinkCloseReason) }

    /// The loop that all of this belongs to.
    package let eventLoop: any EventLoop
    /// The channel below.
    package let channel: any Channel
    /// The peer opened a stream (server role); set its callbacks inside.
    ///
    /// `onEnd` follows when the request has no body.
    package var onStream: ((HTTP2Stream, [HeaderField], _ endStream: Bool) -> Void)?
    /// The same with the request's head as it came, instead of ``onStream``: for those who pass it on.
    package var onRequest: ((HTTP2Stream, HeaderBlock, _ endStream: Bool) -> Void)?
    /// The link is over; exactly once, after `onClose` of all its streams.
    ///
    /// Whoever sets it on a link that is over already is told in the loop's next turn.
    package var onClose: ((LinkCloseReason) -> Void)? {
        didSet {
            guard let reason = self.closeReason, let onClose = self.onClose else { return }
            self.onClose = nil
            self.eventLoop.assumeIsolated().execute { onClose(reason) }
        }
    }
    /// The peer said that it will not take new streams (GOAWAY): time to dial anew.
    package var onGoAway: (() -> Void)?
    /// The negotiated application protocol; nil without TLS.
    package internal(set) var alpn: String?
    /// The peer's certificate; nil without TLS, or when it gave none.
    package internal(set) var peerCertificate: PeerCertificate?
    /// The side; settled by the application protocol when there is TLS.
    package private(set) var role: Role = .client
    /// The last round trip measured by a PING.
    package private(set) var roundTrip: TimeAmount?
    /// Bytes of HTTP/2 received and sent, without TLS.
    package private(set) var bytesIn: UInt64 = 0
    package private(set) var bytesOut: UInt64 = 0

    /// Tells links of one process apart; counts up.
    package let number = Link.numbers.wrappingAdd(1, ordering: .relaxed).newValue
    /// When it was made, in milliseconds since 1970.
    package let opened = WallClock.milliseconds

    /// How long the last bytes of a drained link may take.
    private static let lastOutput = TimeAmount.seconds(30)
    private static let numbers = Atomic<UInt64>(0)
    private(set) var session: HTTP2Session?
    private let configuration: LinkConfiguration
    private var state = State.starting
    private var context: ChannelHandlerContext?
    private var dirty = false
    /// `close()` is at work.
    private var closing = false
    private var reading = false
    private var pumping = false
    private var pumpScheduled = false
    private var touched: [HTTP2Stream] = []
    private var keepalive: KeepaliveMachine?
    private var timer: Scheduled<Void>?
    private var nextPing: UInt64 = 1
    private var lastPing = NIODeadline.now()
    private var pings: [UInt64: (sent: NIODeadline, done: ((TimeAmount?) -> Void)?)] = [:]
    private var peerSettings = false
    private var onSettings: [() -> Void] = []
    /// The code of the peer's GOAWAY.
    private var farewell: HTTP2ErrorCode?

    init(channel: any Channel, configuration: LinkConfiguration) {
        self.channel = channel
        self.eventLoop = channel.eventLoop
        self.configuration = configuration
    }

    /// Why the link is over; nil while it lives.
    package var closeReason: LinkCloseReason? {
        if case .closed(let reason) = self.state { reason } else { nil }
    }

    /// Whether it takes new streams: neither side has said goodbye.
    package var isOpen: Bool { self.state == .open }

    /// Streams that are open.
    package var streamCount: Int { self.session?.streams.count ?? 0 }

    /// Open streams that carry tunnels; takes time in proportion to all streams.
    package var tunnelCount: Int { self.session?.streams.values.count { $0.owner?.isTunnel == true } ?? 0 }

    /// Measures the round trip again, unless that was begun less than `interval` ago.
    package func measureRoundTrip(every interval: TimeAmount) {
        guard self.closeReason == nil, NIODeadline.now() - self.lastPing >= interval else { return }
        _ = self.sendPing(nil)
    }

    /// Opens a stream (client role).
    ///
    /// - Parameters:
    ///   - fields: Pseudo-header fields first. Extended CONNECT: wait for ``whenSettled(_:)``.
    ///   - endStream: There is no body.
    /// - Returns: The stream; set its callbacks before control returns to the loop.
    /// - Throws: `closed`, `goingAway`, `notClient`.
    package func open(_ fields: [HeaderField], endStream: Bool) throws(HTTP2Error) -> HTTP2Stream {
        try self.open(HeaderBlock(fields), endStream: endStream)
    }

    /// Opens a stream with a head as it is, in the same manner.
    package func open(_ fields: HeaderBlock, endStream: Bool) throws(HTTP2Error) -> HTTP2Stream {
        self.eventLoop.assertInEventLoop()
        if case .closed(let reason) = self.state { throw .closed(reason) }
        guard self.role == .client else { throw .notClient }
        guard let session = self.session, self.state == .open else { throw .goingAway }
        let record = try session.open(fields, endStream: endStream)
        let stream = HTTP2Stream(record, self)
        record.owner = stream
        self.setDirty()
        return stream
    }

    /// Whether the peer accepts extended CONNECT; false until its settings came.
    package var peerAcceptsExtendedConnect: Bool {
        self.peerSettings && self.session?.peerEnablesConnectProtocol == true
    }

    /// How many streams the peer lets be open at once; nil until its settings came.
    package var peerMaximumStreams: Int? {
        self.peerSettings ? self.session.map { Int($0.peerMaximumStreams) } : nil
    }

    /// Calls back once the peer's settings are known or the link is over: at once when they are.
    package func whenSettled(_ body: @escaping () -> Void) {
        if self.peerSettings || self.closeReason != nil { body() } else { self.onSettings.append(body) }
    }

    /// Probes the peer now.
    ///
    /// - Parameters:
    ///   - timeout: Gives up waiting, with nil; the link stays. Without it, only the link's end does.
    ///   - done: Gets the round trip, or nil when there was no answer.
    package func ping(timeout: TimeAmount? = nil, _ done: @escaping (TimeAmount?) -> Void) {
        self.eventLoop.assertInEventLoop()
        guard self.session != nil, self.closeReason == nil else { return done(nil) }
        let number = self.sendPing(done)
        if let timeout {
            self.eventLoop.assumeIsolated().scheduleTask(in: timeout) {
                // The entry stays, so that a late answer is still measured.
                guard let done = self.pings[number]?.done else { return }
                self.pings[number]?.done = nil
                done(nil)
            }
        }
    }

    /// Refuses new streams, lets open ones finish, then closes.
    package func drain() {
        self.eventLoop.assertInEventLoop()
        guard self.state == .open, let session = self.session else {
            if self.state == .starting { self.close() }
            return
        }
        self.state = .draining
        if self.role == .server {
            // RFC 9113, 6.8: requests already under way when the peer learns of it are still served.
            session.announceShutdown()
            _ = self.sendPing { [weak self] _ in
                self?.session?.goAway(.noError)
                self?.setDirty()
            }
        } else {
            session.goAway(.noError)
        }
        self.setDirty()
    }

    /// Refuses new streams, lets open ones finish for as long as `limit`, then closes.
    ///
    /// The future is complete when the channel is closed; it never fails.
    @discardableResult
    package func drain(within limit: TimeAmount) -> EventLoopFuture<Void> {
        self.drain()
        let closing = self.eventLoop.assumeIsolated().scheduleTask(in: limit) {
            self.close()
            self.channel.close(promise: nil)
        }
        return self.channel.closeFuture.always { _ in closing.cancel() }.recover { _ in }
    }

    /// Ends the link and all its streams now.
    package func close() {
        self.eventLoop.assertInEventLoop()
        guard self.closeReason == nil else { return }
        self.closing = true
        self.session?.goAway(.noError)
        self.pump()
        self.close(.closedHere)
    }

    // MARK: Input, from the handler

    func start(_ context: ChannelHandlerContext, role: Role) {
        guard self.state == .starting else { return }
        self.context = context
        self.role = role
        do throws(HTTP2Error) {
            self.session = try HTTP2Session(isServer: role == .server, configuration: self.configuration)
        } catch {
            return self.close(.transport(detail: "\(error)"))
        }
        self.state = .open
        self.configuration.onStart?(self)
        self.startKeepalive()
        self.pump()
    }

    func received(_ buffer: ByteBuffer) {
        guard let session = self.session, self.closeReason == nil else { return }
        self.reading = true
        self.bytesIn += UInt64(buffer.readableBytes)
        self.keepalive?.heard(at: .now())
        let failure = session.receive(buffer)
        self.setDirty()
        self.dispatch()
        if case .protocolViolation(let detail) = failure {
            self.reading = false
            self.pump()
            self.close(.protocolViolation(detail: detail))
        }
    }

    func readComplete() {
        self.reading = false
        guard self.closeReason == nil else { return }
        let touched = self.touched
        self.touched.removeAll(keepingCapacity: true)
        for stream in touched {
            stream.touched = false
            stream.onReadComplete?()
        }
        if self.dirty { self.pump() }
    }

    func writabilityChanged() { self.pump() }

    /// Ends everything; safe to call more than once.
    func close(_ reason: LinkCloseReason) {
        guard self.closeReason == nil else { return }
        self.state = .closed(reason)
        self.timer?.cancel()
        self.timer = nil
        let streams = self.session?.streams.values.sorted { $0.id < $1.id } ?? []
        self.session?.streams = [:]
        for record in streams {
            record.drop()
            self.finish(record, .linkLost(reason))
        }
        let pings = self.pings.values.compactMap(\.done)
        self.pings = [:]
        for done in pings { done(nil) }
        let waiting = self.onSettings
        self.onSettings = []
        for body in waiting { body() }
        let onClose = self.onClose
        self.onClose = nil
        self.onStream = nil
        self.onRequest = nil
        self.onGoAway = nil
        onClose?(reason)
        let context = self.context
        self.context = nil
        if reason == .drained, let context { return self.closeBehindOutput(context) }
        self.channel.close(promise: nil)
    }

    /// Closes the channel once it has sent everything, which a close would cut off.
    private func closeBehindOutput(_ context: ChannelHandlerContext) {
        let channel = self.channel
        let late = self.eventLoop.assumeIsolated().scheduleTask(in: Self.lastOutput) { channel.close(promise: nil) }
        let sent = self.eventLoop.makePromise(of: Void.self)
        sent.futureResult.whenComplete { _ in
            late.cancel()
            channel.close(promise: nil)
        }
        context.writeAndFlush(NIOAny(ByteBuffer()), promise: sent)
    }

    // MARK: Output

    /// Something is to be sent: pumps at the end of this tick.
    func setDirty() {
        self.dirty = true
        guard !self.reading, !self.pumping, !self.pumpScheduled, self.context != nil else { return }
        self.pumpScheduled = true
        self.eventLoop.assumeIsolated().execute {
            self.pumpScheduled = false
            if self.dirty, !self.reading { self.pump() }
        }
    }

    private func pump() {
        guard !self.pumping, let session = self.session else { return }
        // A server waits for the client's first bytes: a dialler that installs its link once `connect` has succeeded may
        // be too late to see what came at once.
        guard self.role == .client || self.bytesIn > 0 else { return }
        self.pumping = true
        // A few rounds, as what streams write when they become writable belongs to this tick. Then others have a turn.
        for _ in 0..<4 {
            self.dirty = false
            do throws(HTTP2Error) {
                while let context = self.context, self.channel.isWritable {
                    let count = try session.produce(limit: self.configuration.writeBatch) {
                        context.write(NIOAny($0), promise: nil)
                    }
                    guard count > 0 else { break }
                    self.bytesOut += UInt64(count)
                    context.flush()
                }
            } catch {
                self.pumping = false
                return self.close(.protocolViolation(detail: session.complaint ?? "\(error)"))
            }
            for record in session.takeWritable() { record.owner?.onWritable?() }
            self.dispatch()
            guard self.dirty, self.context != nil, self.channel.isWritable else { break }
        }
        self.pumping = false
        if self.closeReason == nil, !self.closing, session.isFinished {
            self.close(self.reasonForEnd(session))
        } else if self.dirty, self.channel.isWritable {
            self.setDirty()
        }
    }

    /// Why nghttp2 wants to go no further.
    private func reasonForEnd(_ session: HTTP2Session) -> LinkCloseReason {
        if let code = self.farewell, code != .noError { return .transport(detail: "the other side gave up: \(code)") }
        if self.state == .draining { return .drained }
        return .protocolViolation(detail: session.complaint ?? "unknown")
    }

    // MARK: Events

    private func dispatch() {
        guard let session = self.session else { return }
        while true {
            let events = session.takeEvents()
            if events.isEmpty { return }
            for event in events where self.closeReason == nil { self.dispatch(event, session) }
        }
    }

    private func dispatch(_ event: SessionEvent, _ session: HTTP2Session) {
        switch event {
        case .opened(let record, let fields, let endStream):
            let stream = HTTP2Stream(record, self)
            record.owner = stream
            if let onRequest = self.onRequest { return onRequest(stream, fields, endStream) }
            guard let onStream = self.onStream else { return stream.reset(.refusedStream) }
            onStream(stream, fields.fields, endStream)
        case .interim(let record, let fields):
            if !record.resetHere { record.owner?.onInterim?(fields) }
        case .headers(let record, let fields, let endStream):
            guard !record.resetHere, let stream = record.owner else { return }
            if let onBlock = stream.onBlock { return onBlock(fields, endStream) }
            stream.onHeaders?(fields.fields, endStream)
        case .data(let record, let buffer):
            guard !record.resetHere, let stream = record.owner, let onData = stream.onData else {
                return session.consume(record, buffer.readableBytes)
            }
            if !stream.touched {
                stream.touched = true
                self.touched.append(stream)
            }
            onData(buffer)
        case .ended(let record):
            if !record.resetHere { record.owner?.onEnd?() }
        case .closed(let record, let code):
            session.forget(record)
            let finished = code == .noError && record.remoteDone && record.localDone
            self.finish(record, finished ? .finished : .reset(code))
        case .settings:
            self.peerSettings = true
            let waiting = self.onSettings
            self.onSettings = []
            for body in waiting { body() }
        case .pong(let number):
            guard let (sent, done) = self.pings.removeValue(forKey: number) else { return }
            let time = NIODeadline.now() - sent
            self.roundTrip = time
            done?(time)
        case .goAway(let code):
            self.farewell = code
            if self.state == .open { self.state = .draining }
            let onGoAway = self.onGoAway
            self.onGoAway = nil
            onGoAway?()
        }
    }

    private func finish(_ record: SessionStream, _ reason: StreamCloseReason) {
        guard let stream = record.owner else { return }
        record.owner = nil
        let onClose = stream.onClose
        stream.onClose = nil
        onClose?(reason)
        stream.forgetCallbacks()
    }

    // MARK: Keepalive

    private func startKeepalive() {
        if self.configuration.pingsAtStart { _ = self.sendPing(nil) }
        guard let idle = self.configuration.keepaliveIdle else { return }
        self.keepalive = KeepaliveMachine(
            idle: idle,
            timeout: self.configuration.keepaliveTimeout,
            misses: self.configuration.keepaliveMisses,
            now: .now()
        )
        self.arm(.now() + idle)
    }

    private func arm(_ deadline: NIODeadline) {
        self.timer = self.eventLoop.assumeIsolated().scheduleTask(deadline: deadline) { [weak self] in
            self?.keepaliveTimer()
        }
    }

    private func keepaliveTimer() {
        guard self.closeReason == nil, let action = self.keepalive?.onTimer(now: .now()) else { return }
        switch action {
        case .wait(let deadline): self.arm(deadline)
        case .probe(let next):
            _ = self.sendPing(nil)
            self.arm(next)
        case .dead: self.close(.unresponsive)
        }
    }

    private func sendPing(_ done: ((TimeAmount?) -> Void)?) -> UInt64 {
        let number = self.nextPing
        self.nextPing += 1
        self.lastPing = .now()
        self.pings[number] = (self.lastPing, done)
        self.session?.ping(number)
        self.setDirty()
        return number
    }
}

// Confined to the loop; only the reference travels, see "Concurrency model" above.
extension Link: @unchecked Sendable {}
