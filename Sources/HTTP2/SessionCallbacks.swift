internal import CNghttp2
internal import NIOCore

/// nghttp2's callbacks: they record and return; see ``HTTP2Session``.
enum SessionCallbacks {
    /// Payloads up to this size are copied beside their frame header rather than written on their own.
    static let copied = 2 << 10
    /// Received payloads up to this size are copied, so that few small bytes do not keep a large read buffer alive.
    static let detached = 8 << 10

    // Made once, never changed, never freed; nghttp2 only reads it.
    nonisolated(unsafe) static let shared: OpaquePointer? = {
        var callbacks: OpaquePointer?
        guard nghttp2_session_callbacks_new(&callbacks) == 0 else { return nil }
        nghttp2_session_callbacks_set_on_begin_headers_callback(callbacks, onBeginHeaders)
        nghttp2_session_callbacks_set_on_header_callback(callbacks, onHeader)
        nghttp2_session_callbacks_set_on_frame_recv_callback(callbacks, onFrame)
        nghttp2_session_callbacks_set_on_data_chunk_recv_callback(callbacks, onData)
        nghttp2_session_callbacks_set_on_stream_close_callback(callbacks, onClose)
        nghttp2_session_callbacks_set_on_frame_not_send_callback(callbacks, onNotSent)
        nghttp2_session_callbacks_set_send_data_callback(callbacks, sendData)
        nghttp2_session_callbacks_set_data_source_read_length_callback(callbacks, frameLength)
        nghttp2_session_callbacks_set_error_callback2(callbacks, onError)
        return callbacks
    }()

    /// The source of a stream's DATA frames.
    static func provider(for stream: SessionStream) -> nghttp2_data_provider {
        nghttp2_data_provider(
            source: nghttp2_data_source(ptr: Unmanaged.passUnretained(stream).toOpaque()),
            read_callback: readData
        )
    }
}

private let ok: Int32 = 0

private func session(_ data: UnsafeMutableRawPointer?) -> Unmanaged<HTTP2Session>? {
    data.map { Unmanaged.fromOpaque($0) }
}

extension HTTP2Session {
    /// The record of a stream that nghttp2 knows.
    fileprivate func record(_ id: Int32) -> SessionStream? {
        nghttp2_session_get_stream_user_data(self.session, id)
            .map { Unmanaged<SessionStream>.fromOpaque($0).takeUnretainedValue() }
    }
}

private let onBeginHeaders: nghttp2_on_begin_headers_callback = { _, frame, data in
    guard let frame, let me = session(data) else { return ok }
    return me._withUnsafeGuaranteedRef { me in
        let id = frame.pointee.hd.stream_id
        if let stream = me.record(id) {
            stream.fields = HeaderBlock()
            stream.fieldsSize = 0
        } else if me.isServer, frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST {
            let stream = SessionStream(id: id)
            me.streams[id] = stream
            let pointer = Unmanaged.passUnretained(stream).toOpaque()
            nghttp2_session_set_stream_user_data(me.session, id, pointer)
        }
        return ok
    }
}

private let onHeader: nghttp2_on_header_callback = { _, frame, name, nameLength, value, valueLength, flags, data in
    guard let frame, let me = session(data) else { return ok }
    return me._withUnsafeGuaranteedRef { me in
        guard let stream = me.record(frame.pointee.hd.stream_id) else { return ok }
        stream.fieldsSize += nameLength + valueLength + 32
        guard stream.fieldsSize <= me.configuration.maximumHeaderList else {
            stream.fields = HeaderBlock()
            // A little too much costs the stream, and a bomb the link.
            let bomb = stream.fieldsSize > 16 * me.configuration.maximumHeaderList
            if bomb { me.complaint = "header list of more than \(stream.fieldsSize) bytes" }
            return bomb ? NGHTTP2_ERR_CALLBACK_FAILURE.rawValue : ok
        }
        stream.fields.append(
            name: UnsafeBufferPointer(start: name, count: nameLength),
            value: UnsafeBufferPointer(start: value, count: valueLength),
            neverIndexed: flags & UInt8(NGHTTP2_NV_FLAG_NO_INDEX.rawValue) != 0
        )
        return ok
    }
}

private let onFrame: nghttp2_on_frame_recv_callback = { _, frame, data in
    guard let frame, let me = session(data) else { return ok }
    me._withUnsafeGuaranteedRef { me in
        let header = frame.pointee.hd
        switch UInt32(header.type) {
        case NGHTTP2_HEADERS.rawValue: me.noteHeaders(header)
        case NGHTTP2_DATA.rawValue:
            if header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0, let stream = me.record(header.stream_id) {
                stream.remoteDone = true
                me.events.append(.ended(stream))
            }
        case NGHTTP2_SETTINGS.rawValue:
            if header.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) == 0 { me.events.append(.settings) }
        case NGHTTP2_PING.rawValue:
            if header.flags & UInt8(NGHTTP2_FLAG_ACK.rawValue) != 0 {
                let number = withUnsafeBytes(of: frame.pointee.ping.opaque_data) { $0.loadUnaligned(as: UInt64.self) }
                me.events.append(.pong(UInt64(bigEndian: number)))
            }
        case NGHTTP2_GOAWAY.rawValue:
            me.events.append(.goAway(HTTP2ErrorCode(rawValue: frame.pointee.goaway.error_code)))
        default: break
        }
    }
    return ok
}

extension HTTP2Session {
    /// A header block is complete.
    fileprivate func noteHeaders(_ header: nghttp2_frame_hd) {
        guard let stream = self.record(header.stream_id) else { return }
        let endStream = header.flags & UInt8(NGHTTP2_FLAG_END_STREAM.rawValue) != 0
        let fields = stream.fields
        stream.fields = HeaderBlock()
        if stream.fieldsSize > self.configuration.maximumHeaderList {
            return self.reset(stream, .enhanceYourCalm)
        }
        // RFC 9110, 15.2: interim responses come before the real one.
        if !self.isServer, !stream.headReceived, !endStream, fields.isInterim {
            self.events.append(.interim(stream, fields))
            return
        }
        let isRequest = self.isServer && !stream.headReceived
        stream.headReceived = true
        if endStream { stream.remoteDone = true }
        self.events.append(
            isRequest
                ? .opened(stream, fields, endStream: endStream)
                : .headers(stream, fields, endStream: endStream)
        )
        if endStream { self.events.append(.ended(stream)) }
    }
}

private let onData: nghttp2_on_data_chunk_recv_callback = { _, _, id, bytes, count, data in
    guard let bytes, count > 0, let me = session(data) else { return ok }
    me._withUnsafeGuaranteedRef { me in
        guard let stream = me.record(id), let base = me.inputBase else {
            // Nobody will: the connection's window must not leak.
            nghttp2_session_consume_connection(me.session, count)
            return
        }
        me.account(stream, received: count)
        if count > SessionCallbacks.detached,
            let slice = me.input.getSlice(at: me.input.readerIndex + (bytes - base), length: count)
        {
            me.events.append(.data(stream, slice))
        } else {
            me.events.append(.data(stream, ByteBuffer(bytes: UnsafeBufferPointer(start: bytes, count: count))))
        }
    }
    return ok
}

private let onClose: nghttp2_on_stream_close_callback = { _, id, code, data in
    guard let me = session(data) else { return ok }
    me._withUnsafeGuaranteedRef { me in
        guard let stream = me.streams.removeValue(forKey: id) else { return }
        stream.drop()
        // What was never sent can be asked again (RFC 9113, 8.7); nghttp2 calls it an internal error.
        let code = stream.unsent && !stream.resetHere ? .refusedStream : HTTP2ErrorCode(rawValue: code)
        me.events.append(.closed(stream, code))
    }
    return ok
}

private let onNotSent: nghttp2_on_frame_not_send_callback = { _, frame, code, data in
    guard let frame, let me = session(data) else { return ok }
    me._withUnsafeGuaranteedRef { me in
        guard UInt32(frame.pointee.hd.type) == NGHTTP2_HEADERS.rawValue,
            let stream = me.record(frame.pointee.hd.stream_id)
        else { return }
        if frame.pointee.headers.cat == NGHTTP2_HCAT_REQUEST {
            stream.unsent = true
        } else {
            // A response or trailers that nghttp2 refuses to send would leave the peer waiting.
            me.reset(stream, .internalError)
        }
    }
    return ok
}

private let onError: nghttp2_error_callback2 = { _, _, text, count, data in
    guard let text, let me = session(data) else { return ok }
    let words = UnsafeRawBufferPointer(start: text, count: count)
    me._withUnsafeGuaranteedRef { $0.complaint = String(decoding: words, as: UTF8.self) }
    return ok
}

private let frameLength: nghttp2_data_source_read_length_callback = { _, _, id, connection, stream, frameSize, data in
    guard let me = session(data) else { return 1 }
    // Not more than there is: nghttp2 makes room for so much, and keeps it for the life of the connection.
    let (ours, queued) = me._withUnsafeGuaranteedRef { ($0.configuration.frameSize, $0.record(id)?.queuedBytes ?? 0) }
    return max(1, min(Int(connection), Int(stream), Int(frameSize), ours, queued))
}

private let readData: nghttp2_data_source_read_callback = { _, id, _, length, flags, source, data in
    guard let pointer = source?.pointee.ptr, let flags, let me = session(data) else {
        return Int(NGHTTP2_ERR_CALLBACK_FAILURE.rawValue)
    }
    return Unmanaged<SessionStream>.fromOpaque(pointer)._withUnsafeGuaranteedRef { stream in
        let count = min(length, stream.queuedBytes)
        guard count > 0 || stream.ended else {
            stream.deferred = true
            return Int(NGHTTP2_ERR_DEFERRED.rawValue)
        }
        // An empty frame has no payload to pass by reference.
        if count > 0 { flags.pointee |= NGHTTP2_DATA_FLAG_NO_COPY.rawValue }
        guard stream.ended, count == stream.queuedBytes else { return count }
        flags.pointee |= NGHTTP2_DATA_FLAG_EOF.rawValue
        stream.localDone = true
        if let trailers = stream.trailers {
            flags.pointee |= NGHTTP2_DATA_FLAG_NO_END_STREAM.rawValue
            me._withUnsafeGuaranteedRef { me in
                let result = me.withNameValues(trailers, stream) { nghttp2_submit_trailer(me.session, id, $0, $1) }
                if result != 0 { me.reset(stream, .internalError) }
            }
        }
        return count
    }
}

private let sendData: nghttp2_send_data_callback = { _, _, header, length, source, data in
    guard let header, let pointer = source?.pointee.ptr, let me = session(data) else {
        return NGHTTP2_ERR_CALLBACK_FAILURE.rawValue
    }
    return me._withUnsafeGuaranteedRef { me in
        guard me.produced < me.limit else {
            me.blocked = true
            return NGHTTP2_ERR_WOULDBLOCK.rawValue
        }
        return Unmanaged<SessionStream>.fromOpaque(pointer)._withUnsafeGuaranteedRef { stream in
            guard stream.queuedBytes >= length else { return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE.rawValue }
            me.staging.writeBytes(UnsafeBufferPointer(start: header, count: 9))
            stream.take(length) { part in
                if part.readableBytes <= SessionCallbacks.copied {
                    me.staging.writeImmutableBuffer(part)
                } else {
                    me.cuts.append((me.staging.writerIndex, part))
                }
            }
            me.produced += 9 + length
            if stream.wasFull, stream.queuedBytes <= me.configuration.streamLowWater {
                stream.wasFull = false
                me.writable.append(stream)
            }
            return ok
        }
    }
}
