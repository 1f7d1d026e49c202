internal import CNghttp2
internal import NIOCore

/// One HTTP/2 connection over nghttp2: bytes in, events and bytes out.
///
/// It knows no channel and no clock.
/// nghttp2 does not detect re-entrancy, so its callbacks only record: events are taken after ``receive(_:)`` or
/// ``produce(limit:emit:)`` by ``takeEvents()``, and `produce` is called from nowhere else but the owner's pump. Confined to
/// one isolation domain.
final class HTTP2Session {
    /// What one header block may have on its way out; how much may come in is the peer's limit.
    private static let headerBlockLimit = 1 << 20

    let isServer: Bool
    let configuration: LinkConfiguration
    private(set) var session: OpaquePointer?

    // Written by the callbacks.
    var events: [SessionEvent] = []
    var streams: [Int32: SessionStream] = [:]
    /// Streams whose queue fell below low water.
    var writable: [SessionStream] = []
    /// The text of nghttp2's last complaint.
    var complaint: String?
    /// The input being read, of which DATA payloads are slices.
    var input = ByteBuffer()
    var inputBase: UnsafePointer<UInt8>?
    /// Output of the running `produce`: frame headers and small payloads, cut where large payloads belong.
    var staging = ByteBuffer()
    var cuts: [(end: Int, payload: ByteBuffer)] = []
    var produced = 0
    var limit = 0
    var blocked = false

    /// Unconsumed bytes of all streams.
    private var unconsumed = 0
    /// Of these, bytes whose connection window was not given back yet.
    private var withheld = 0
    /// How much narrower than configured the streams' windows are: 0, 1 or 2.
    private var narrowness = 0
    private var nameValues: [nghttp2_nv] = []
    /// Streams to be reset once what can be sent has been.
    private var late: [(stream: SessionStream, code: HTTP2ErrorCode, completing: Bool)] = []

    /// Makes a session; its preface and settings are ready to be produced.
    ///
    /// - Throws: `library` when memory is short.
    init(isServer: Bool, configuration: LinkConfiguration) throws(HTTP2Error) {
        self.isServer = isServer
        self.configuration = configuration
        var options: OpaquePointer?
        guard nghttp2_option_new(&options) == 0 else { throw .library(detail: "out of memory") }
        defer { nghttp2_option_del(options) }
        nghttp2_option_set_no_auto_window_update(options, 1)
        nghttp2_option_set_no_closed_streams(options, 1)
        nghttp2_option_set_max_continuations(options, 8)
        nghttp2_option_set_max_send_header_block_length(options, Self.headerBlockLimit)
        if !configuration.validatesMessages { nghttp2_option_set_no_http_messaging(options, 1) }
        nghttp2_option_set_stream_reset_rate_limit(
            options,
            UInt64(clamping: configuration.resetBurst),
            UInt64(clamping: configuration.resetRate)
        )
        let me = Unmanaged.passUnretained(self).toOpaque()
        let callbacks = SessionCallbacks.shared
        var memory = FrameMemory.functions
        let result =
            isServer
            ? nghttp2_session_server_new3(&self.session, callbacks, me, options, &memory)
            : nghttp2_session_client_new3(&self.session, callbacks, me, options, &memory)
        guard result == 0 else { throw .library(detail: Self.text(result)) }
        var settings: [(Int, Int)] = [
            (Int(NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS.rawValue), isServer ? configuration.maximumStreams : 0),
            (Int(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue), configuration.streamWindow),
            (Int(NGHTTP2_SETTINGS_MAX_FRAME_SIZE.rawValue), configuration.frameSize),
            (Int(NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE.rawValue), configuration.maximumHeaderList),
        ]
        if !isServer { settings.append((Int(NGHTTP2_SETTINGS_ENABLE_PUSH.rawValue), 0)) }
        if isServer, configuration.enableConnectProtocol {
            settings.append((Int(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL.rawValue), 1))
        }
        let entries = settings.map {
            nghttp2_settings_entry(settings_id: Int32($0.0), value: UInt32(clamping: $0.1))
        }
        let submitted = nghttp2_submit_settings(self.session, UInt8(NGHTTP2_FLAG_NONE.rawValue), entries, entries.count)
        guard submitted == 0 else { throw .library(detail: Self.text(submitted)) }
        nghttp2_session_set_local_window_size(
            self.session,
            UInt8(NGHTTP2_FLAG_NONE.rawValue),
            0,
            Int32(clamping: configuration.connectionWindow)
        )
    }

    deinit { nghttp2_session_del(self.session) }

    // MARK: Bytes

    /// Takes bytes from the peer; events are then in ``takeEvents()``, even when it fails.
    ///
    /// - Parameter buffer: What arrived, cut anywhere.
    /// - Returns: What the peer did wrong, when the connection cannot go on.
    func receive(_ buffer: ByteBuffer) -> HTTP2Error? {
        self.input = buffer
        let result = buffer.withUnsafeReadableBytes { raw in
            self.inputBase = raw.baseAddress?.assumingMemoryBound(to: UInt8.self)
            return nghttp2_session_mem_recv(self.session, self.inputBase, raw.count)
        }
        self.inputBase = nil
        self.input = ByteBuffer()
        guard result < 0 else { return nil }
        return .protocolViolation(detail: self.complaint ?? Self.text(Int32(clamping: result)))
    }

    /// Makes frames of what is queued.
    ///
    /// - Parameters:
    ///   - limit: Stops soon after so many bytes.
    ///   - emit: Gets the bytes, in order.
    /// - Returns: How many bytes were emitted; 0 when there is nothing to send.
    /// - Throws: `library` when the connection cannot go on.
    func produce(limit: Int, emit: (ByteBuffer) -> Void) throws(HTTP2Error) -> Int {
        self.staging.clear()
        self.produced = 0
        self.limit = limit
        self.blocked = false
        while self.produced < limit {
            let before = self.produced
            var bytes: UnsafePointer<UInt8>?
            let count = nghttp2_session_mem_send(self.session, &bytes)
            guard count >= 0 else { throw .library(detail: Self.text(Int32(clamping: count))) }
            if count > 0, let bytes {
                self.staging.writeBytes(UnsafeBufferPointer(start: bytes, count: count))
                self.produced += count
            } else if self.blocked || self.produced == before {
                // Zero also means that only payloads passed by reference were sent.
                guard !self.blocked, self.resetLate() else { break }
            }
        }
        if self.produced >= limit { self.resetSpent() }
        var start = self.staging.readerIndex
        for (end, payload) in self.cuts {
            if let head = self.staging.getSlice(at: start, length: end - start), end > start { emit(head) }
            emit(payload)
            start = end
        }
        self.cuts.removeAll(keepingCapacity: true)
        let end = self.staging.writerIndex
        if end > start, let tail = self.staging.getSlice(at: start, length: end - start) { emit(tail) }
        // A quiet link keeps what its heartbeats need, and no more.
        if self.staging.capacity > 1024 { self.staging = ByteBuffer() }
        return self.produced
    }

    /// Takes what was seen since the last call.
    func takeEvents() -> [SessionEvent] {
        guard !self.events.isEmpty else { return [] }
        defer { self.events = [] }
        return self.events
    }

    /// Takes the streams that became writable.
    func takeWritable() -> [SessionStream] {
        guard !self.writable.isEmpty else { return [] }
        defer { self.writable = [] }
        return self.writable
    }

    /// Nothing more is to come in or to go out: the connection is over.
    var isFinished: Bool {
        nghttp2_session_want_read(self.session) == 0 && nghttp2_session_want_write(self.session) == 0
    }

    // MARK: Streams

    /// Opens a stream (client).
    ///
    /// - Throws: `goingAway` while draining; `library`.
    func open(_ fields: HeaderBlock, endStream: Bool) throws(HTTP2Error) -> SessionStream {
        guard nghttp2_session_check_request_allowed(self.session) == 1 else { throw .goingAway }
        let stream = SessionStream(id: 0)
        stream.headSent = true
        stream.ended = endStream
        stream.localDone = endStream
        let pointer = Unmanaged.passUnretained(stream).toOpaque()
        var provider = SessionCallbacks.provider(for: stream)
        let id = self.withNameValues(fields, stream) { values, count in
            endStream
                ? nghttp2_submit_request(self.session, nil, values, count, nil, pointer)
                : nghttp2_submit_request(self.session, nil, values, count, &provider, pointer)
        }
        guard id > 0 else { throw .library(detail: Self.text(id)) }
        stream.id = id
        self.streams[id] = stream
        return stream
    }

    /// Sends the response head (server); only the first call counts.
    func respond(_ stream: SessionStream, _ fields: HeaderBlock, endStream: Bool) {
        guard self.isServer, !stream.headSent, !stream.closed, !stream.resetHere else { return }
        stream.headSent = true
        if endStream {
            stream.ended = true
            stream.localDone = true
        }
        var provider = SessionCallbacks.provider(for: stream)
        let result = self.withNameValues(fields, stream) { values, count in
            endStream
                ? nghttp2_submit_response(self.session, stream.id, values, count, nil)
                : nghttp2_submit_response(self.session, stream.id, values, count, &provider)
        }
        if result != 0 { self.reset(stream, .internalError) }
    }

    /// Sends the head of an interim response (server), before the response's own.
    func respondInterim(_ stream: SessionStream, _ fields: HeaderBlock) {
        guard self.isServer, !stream.headSent, !stream.closed, !stream.resetHere else { return }
        let flags = UInt8(NGHTTP2_FLAG_NONE.rawValue)
        let result = self.withNameValues(fields, stream) { values, count in
            nghttp2_submit_headers(self.session, flags, stream.id, nil, values, count, nil)
        }
        if result != 0 { self.reset(stream, .internalError) }
    }

    /// Queues bytes; ignored once the stream is ended, reset or closed.
    func write(_ stream: SessionStream, _ buffer: ByteBuffer) {
        guard !stream.ended, !stream.closed, !stream.resetHere, buffer.readableBytes > 0 else { return }
        stream.queue.append(buffer)
        stream.queuedBytes += buffer.readableBytes
        if stream.queuedBytes >= self.configuration.streamHighWater { stream.wasFull = true }
        self.resume(stream)
    }

    /// Ends our side once the queue is empty, with trailers if there are any.
    func end(_ stream: SessionStream, trailers: HeaderBlock?) {
        guard !stream.ended, !stream.closed, !stream.resetHere else { return }
        stream.ended = true
        stream.trailers = trailers
        self.resume(stream)
    }

    /// Resets the stream; queued bytes are dropped and nothing more is reported but its end.
    func reset(_ stream: SessionStream, _ code: HTTP2ErrorCode) {
        guard !stream.closed, !stream.resetHere else { return }
        stream.resetHere = true
        nghttp2_submit_rst_stream(self.session, UInt8(NGHTTP2_FLAG_NONE.rawValue), stream.id, code.rawValue)
    }

    /// Resets the stream behind what is queued and can be sent; see ``HTTP2Stream/resetInOrder(_:completing:)``.
    func resetInOrder(_ stream: SessionStream, _ code: HTTP2ErrorCode, completing: Bool) {
        guard !stream.closed, !stream.resetHere, !stream.resetsLate else { return }
        stream.resetsLate = true
        self.late.append((stream, code, completing))
    }

    /// Submits the resets of streams of which nothing more can be sent at present, however much there is of others: on a link that
    /// is always busy their turn would not come otherwise.
    private func resetSpent() {
        guard !self.late.isEmpty else { return }
        self.late.removeAll { stream, code, completing in
            guard !stream.closed, !stream.resetHere else { return true }
            let isStuck = nghttp2_session_get_stream_remote_window_size(self.session, stream.id) == 0
            guard stream.deferred || isStuck && !(completing && stream.ended) else { return false }
            self.reset(stream, code)
            return true
        }
    }

    /// Nothing more can be sent at present: submits the resets whose turn has come.
    ///
    /// - Returns: Whether there was one.
    private func resetLate() -> Bool {
        guard !self.late.isEmpty else { return false }
        let all = self.late
        self.late.removeAll(keepingCapacity: true)
        var submitted = false
        for (stream, code, completing) in all where !stream.closed && !stream.resetHere {
            if completing, stream.ended, !stream.localDone {
                // What is complete must not be cut off.
                self.late.append((stream, code, completing))
            } else {
                self.reset(stream, code)
                submitted = true
            }
        }
        return submitted
    }

    /// Gives window back for bytes that the owner is done with.
    func consume(_ stream: SessionStream, _ bytes: Int) {
        let count = min(bytes, stream.unconsumed)
        guard count > 0 else { return }
        stream.unconsumed -= count
        nghttp2_session_consume_stream(self.session, stream.id, count)
        self.settle(count)
    }

    /// Counts bytes that came in; the connection's window is given back at once as long as not too much lies about.
    func account(_ stream: SessionStream, received count: Int) {
        stream.unconsumed += count
        self.unconsumed += count
        if self.unconsumed > self.narrowing { self.adaptWindow() }
        if self.unconsumed <= self.configuration.unconsumedLimit {
            nghttp2_session_consume_connection(self.session, count)
        } else {
            self.withheld += count
        }
    }

    /// Writes off what a closed stream has not consumed.
    func forget(_ stream: SessionStream) {
        self.settle(stream.unconsumed)
        stream.unconsumed = 0
    }

    private func settle(_ count: Int) {
        self.unconsumed -= count
        if self.narrowness > 0 { self.adaptWindow() }
        let due = min(count, self.withheld)
        guard due > 0 else { return }
        self.withheld -= due
        nghttp2_session_consume_connection(self.session, due)
    }

    /// What has to lie about for narrower windows than now.
    private var narrowing: Int { self.configuration.unconsumedLimit / 4 * (2 + self.narrowness) }

    /// Allows streams less where many of them are not read, and more again when that is over.
    ///
    /// A stream that nobody reads keeps a window's worth of memory; as there is to be an end to that, the connection's window is
    /// not given back beyond the limit, which holds up all streams. With narrow windows (RFC 9113, 6.9.2) very many of them
    /// have to be stuck until then.
    private func adaptWindow() {
        let before = self.streamWindow
        if self.unconsumed > self.narrowing, self.narrowness < 2 {
            self.narrowness += 1
        } else if self.unconsumed < self.configuration.unconsumedLimit / 4 {
            self.narrowness = 0
        }
        guard self.streamWindow != before else { return }
        let entry = nghttp2_settings_entry(
            settings_id: Int32(NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE.rawValue),
            value: UInt32(clamping: self.streamWindow)
        )
        nghttp2_submit_settings(self.session, UInt8(NGHTTP2_FLAG_NONE.rawValue), [entry], 1)
    }

    /// What a stream may send at present.
    private var streamWindow: Int { min(self.configuration.streamWindow, [.max, 64 << 10, 16 << 10][self.narrowness]) }

    private func resume(_ stream: SessionStream) {
        guard stream.deferred else { return }
        stream.deferred = false
        nghttp2_session_resume_data(self.session, stream.id)
    }

    // MARK: Connection

    /// Whether the peer accepts extended CONNECT; meaningful once its settings came.
    var peerEnablesConnectProtocol: Bool {
        nghttp2_session_get_remote_settings(self.session, NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL) == 1
    }

    /// How many streams the peer lets be open at once; meaningful once its settings came.
    var peerMaximumStreams: UInt32 {
        nghttp2_session_get_remote_settings(self.session, NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS)
    }

    /// Sends a PING whose answer is reported with the same number.
    func ping(_ number: UInt64) {
        withUnsafeBytes(of: number.bigEndian) { raw in
            _ = nghttp2_submit_ping(
                self.session,
                UInt8(NGHTTP2_FLAG_NONE.rawValue),
                raw.baseAddress?.assumingMemoryBound(to: UInt8.self)
            )
        }
    }

    /// Announces the end without refusing what is under way (a server's first GOAWAY).
    func announceShutdown() { nghttp2_submit_shutdown_notice(self.session) }

    /// Sends GOAWAY: streams that are open may finish, the peer's new ones are refused.
    func goAway(_ code: HTTP2ErrorCode) {
        nghttp2_submit_goaway(
            self.session,
            UInt8(NGHTTP2_FLAG_NONE.rawValue),
            nghttp2_session_get_last_proc_stream_id(self.session),
            code.rawValue,
            nil,
            0
        )
    }

    /// Runs `body` with the fields of a stream as nghttp2 wants them; valid only inside.
    func withNameValues<Value>(
        _ fields: HeaderBlock,
        _ stream: SessionStream,
        _ body: (UnsafePointer<nghttp2_nv>?, Int) -> Value
    ) -> Value {
        fields.bytes.withUnsafeBufferPointer { bytes in
            // It only reads, whatever its declaration says.
            var next = UnsafeMutablePointer(mutating: bytes.baseAddress)
            self.nameValues.removeAll(keepingCapacity: true)
            for entry in fields.entries {
                let value = next.map { $0 + Int(entry.nameLength) }
                let flags = entry.neverIndexed ? NGHTTP2_NV_FLAG_NO_INDEX : NGHTTP2_NV_FLAG_NONE
                self.nameValues.append(
                    nghttp2_nv(
                        name: next,
                        value: value,
                        namelen: Int(entry.nameLength),
                        valuelen: Int(entry.valueLength),
                        flags: UInt8(flags.rawValue)
                    )
                )
                next = value.map { $0 + Int(entry.valueLength) }
            }
            if !self.configuration.validatesMessages { self.keepCapitals(stream) }
            return self.nameValues.withUnsafeBufferPointer { body($0.baseAddress, $0.count) }
        }
    }

    /// nghttp2 makes the names it copies lower case: of a message that is passed on the peer is to see them as they were, as it
    /// would refuse it then (RFC 9113, 8.2).
    private func keepCapitals(_ stream: SessionStream) {
        for (index, field) in self.nameValues.enumerated() {
            let name = UnsafeBufferPointer(start: field.name, count: field.namelen)
            guard name.contains(where: { 0x41...0x5A ~= $0 }), let kept = stream.keep(name: name) else { continue }
            self.nameValues[index].name = kept
            self.nameValues[index].flags |= UInt8(NGHTTP2_NV_FLAG_NO_COPY_NAME.rawValue)
        }
    }

    private static func text(_ code: Int32) -> String {
        nghttp2_strerror(code).map { String(cString: $0) } ?? "error \(code)"
    }
}
