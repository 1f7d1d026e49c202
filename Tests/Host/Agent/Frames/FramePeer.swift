import NIOCore

@testable import HTTP2

/// One end of an HTTP/2 connection, frame by frame: it says what its streams' scripts say, right or wrong.
///
/// It shares nothing with the project's HTTP/2 but nghttp2's decoder of fields, so that neither hides what the other does. The
/// connection's window is as large as can be: streams alone are held up. Confined to the loop.
final class FramePeer: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer
    typealias OutboundOut = ByteBuffer

    /// What it tells the other end.
    struct Settings: Sendable {
        /// Of a stream.
        var window = 65_535
        var frame = 16_384
        /// Of fields.
        var table = 4096
    }

    private static let preface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"

    /// A request has come to a server: the stream that answers it.
    var onRequest: ((FramePeer, HeaderBlock) -> FrameStream?)?
    var onComplete: ((FrameStream) -> Void)?
    /// What a server's marked blocks are marked with.
    var mark: HeaderField?
    /// The server takes no new streams.
    private(set) var isLeaving = false
    private(set) var isLost = false

    private let isServer: Bool
    private let settings: Settings
    private let coder = FieldCoder()
    private var context: ChannelHandlerContext?
    private var input = ByteBuffer()
    private var output = ByteBuffer()
    private var awaitsPreface: Bool
    private var streams: [Int32: FrameStream] = [:]
    /// Those that are not complete, in order.
    private var active: [FrameStream] = []
    private var nextID: Int32 = 1
    private var newestID: Int32 = 0
    private var window = 65_535
    private var peerWindow = 65_535
    private var peerFrame = 16_384
    private var emptiesTable = false
    private var isPumping = false
    private var isPumpDue = false
    /// A header block of which not all has come.
    private var partial: (id: Int32, ends: Bool, bytes: ByteBuffer)?

    init(isServer: Bool, _ settings: Settings) {
        self.isServer = isServer
        self.settings = settings
        awaitsPreface = isServer
    }

    /// Begins streams (client).
    func begin(_ new: [FrameStream]) {
        active += new
        if isLost { lose() } else { pump() }
    }

    /// Gives back what a held stream owes.
    func release(_ stream: FrameStream) {
        stream.isHeld = false
        giveBack(stream)
        pump()
    }

    /// Streams that are not complete.
    var open: [FrameStream] { active }

    func close() { context?.close(promise: nil) }

    // MARK: Handler

    func channelActive(context: ChannelHandlerContext) {
        self.context = context
        if !isServer { output.writeString(Self.preface) }
        let entries: [(UInt16, Int)] = [
            (1, settings.table), (2, 0), (3, 1000), (4, settings.window), (5, settings.frame), (0x0A0A, 77),
        ]
        frame(4, 0, 0, length: 6 * (entries.count - (isServer ? 1 : 0)))
        for (id, value) in entries where id != 2 || !isServer { output.writeMultipleIntegers(id, UInt32(value)) }
        frame(8, 0, 0, length: 4)
        output.writeInteger(UInt32(0x7FFF_FFFF - 65_535))
        pump()
    }

    func channelInactive(context: ChannelHandlerContext) {
        self.context = nil
        isLost = true
        lose()
        onRequest = nil
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let buffer = Self.unwrapInboundIn(data)
        if input.readableBytes == 0 { input = buffer } else { input.writeImmutableBuffer(buffer) }
        if awaitsPreface {
            guard input.readableBytes >= 24 else { return }
            guard input.readString(length: 24) == Self.preface else { return close() }
            awaitsPreface = false
        }
        while let length = input.getInteger(at: input.readerIndex, as: UInt32.self).map({ Int($0 >> 8) }),
            input.readableBytes >= 9 + length
        {
            input.moveReaderIndex(forwardBy: 3)
            guard let type = input.readInteger(as: UInt8.self), let flags = input.readInteger(as: UInt8.self),
                let id = input.readInteger(as: Int32.self), let payload = input.readSlice(length: length)
            else { break }
            received(type, flags, id, payload)
        }
        pump()
    }

    // MARK: Frames that come

    private func received(_ type: UInt8, _ flags: UInt8, _ id: Int32, _ whole: ByteBuffer) {
        var payload = whole
        if type < 2, flags & 8 != 0, let padding = payload.readInteger(as: UInt8.self) {
            payload =
                payload.getSlice(
                    at: payload.readerIndex,
                    length: payload.readableBytes - Int(padding)
                ) ?? ByteBuffer()
        }
        switch type {
        case 0:
            guard let stream = streams[id] else { return }
            stream.came(payload, ends: flags & 1 != 0)
            stream.owed += whole.readableBytes
            giveBack(stream)
            check(stream)
        case 1:
            if flags & 0x20 != 0 { payload.moveReaderIndex(forwardBy: 5) }
            received(block: payload, id, ends: flags & 1 != 0, isWhole: flags & 4 != 0)
        case 3:
            guard let stream = streams[id], let code = payload.readInteger(as: UInt32.self) else { return }
            stream.cameReset(code)
            check(stream)
        case 4:
            guard flags & 1 == 0 else { return coder.tableSettled(settings.table) }
            received(settings: payload)
            frame(4, 1, 0, length: 0)
        case 6:
            guard flags & 1 == 0 else { return }
            frame(6, 1, 0, length: payload.readableBytes)
            output.writeBuffer(&payload)
        case 7: isLeaving = true
        case 8:
            guard let more = payload.readInteger(as: UInt32.self) else { return }
            if id == 0 { window += Int(more) } else { streams[id]?.window += Int(more) }
        case 9:
            guard let (id, ends, start) = partial else { return close() }
            var bytes = start
            bytes.writeBuffer(&payload)
            received(block: bytes, id, ends: ends, isWhole: flags & 4 != 0)
        default: break
        }
    }

    private func received(settings payload: ByteBuffer) {
        var payload = payload
        while let (id, value) = payload.readMultipleIntegers(as: (UInt16, UInt32).self) {
            switch id {
            // RFC 7541, 4.2: whoever encodes says that it uses less.
            case 1: emptiesTable = value < 4096
            case 4:
                for stream in streams.values { stream.window += Int(value) - peerWindow }
                peerWindow = Int(value)
            case 5: peerFrame = Int(value)
            default: break
            }
        }
    }

    private func received(block bytes: ByteBuffer, _ id: Int32, ends: Bool, isWhole: Bool) {
        guard isWhole else { return partial = (id, ends, bytes) }
        partial = nil
        // Each block has to be decoded, whose ever it is.
        guard let block = bytes.withUnsafeReadableBytes({ coder.decode($0) }) else { return close() }
        if isServer, id > newestID {
            newestID = id
            guard let stream = onRequest?(self, block) else { return close() }
            stream.id = id
            stream.window = peerWindow
            streams[id] = stream
            active.append(stream)
            stream.came(block, ends: ends)
            // What it does at once, it does before more is seen.
            while turn(stream) {}
            check(stream)
        } else if let stream = streams[id] {
            stream.came(block, ends: ends)
            check(stream)
        }
    }

    /// Gives back a stream's window, in large pieces.
    private func giveBack(_ stream: FrameStream) {
        guard !stream.isHeld, stream.owed >= settings.window / 4, streams[stream.id] != nil else { return }
        frame(8, 0, stream.id, length: 4)
        output.writeInteger(UInt32(stream.owed))
        stream.owed = 0
    }

    private func check(_ stream: FrameStream) {
        guard stream.isComplete, streams[stream.id] === stream else { return }
        streams[stream.id] = nil
        active.removeAll { $0 === stream }
        onComplete?(stream)
    }

    private func lose() {
        let all = active
        active = []
        streams = [:]
        for stream in all {
            stream.lose()
            onComplete?(stream)
        }
    }

    // MARK: Frames that go

    private func frame(_ type: UInt8, _ flags: UInt8, _ id: Int32, length: Int) {
        output.writeMultipleIntegers(UInt32(length) << 8 | UInt32(type), flags, id)
    }

    /// Lets all streams do what they can, a frame of each in turn.
    private func pump() {
        isPumpDue = true
        guard !isPumping, let context else { return }
        isPumping = true
        while isPumpDue {
            isPumpDue = false
            var moved = true
            while moved {
                moved = false
                for stream in active where turn(stream) { moved = true }
            }
        }
        isPumping = false
        guard output.readableBytes > 0 else { return }
        context.writeAndFlush(Self.wrapOutboundOut(output), promise: nil)
        output = ByteBuffer()
    }

    /// Does a stream's next step, or sends one frame of it; false where it has to wait.
    private func turn(_ stream: FrameStream) -> Bool {
        switch stream.step {
        case nil: return false
        case .fields(let block, let ends, let style):
            if stream.id == 0 {
                stream.id = nextID
                nextID += 2
                stream.window = peerWindow
                streams[stream.id] = stream
            }
            send(block, ends, style, stream.id)
            stream.advance()
        case .body(let count, let ends, let style):
            guard send(count, ends, style, stream) else { return false }
        case .await(let event):
            guard stream.has(event) else { return false }
            stream.advance()
        case .reset(let code, let kept):
            if let kept { stream.keep(kept) }
            frame(3, 0, stream.id, length: 4)
            output.writeInteger(code)
            stream.hasReset = true
        case .junk(let type, let length):
            frame(type, 0xF2, stream.id, length: length)
            output.writeRepeatingByte(1, count: length)
            stream.advance()
        case .goAway:
            frame(7, 0, 0, length: 8)
            output.writeMultipleIntegers(newestID, UInt32(0))
            stream.advance()
        }
        check(stream)
        return true
    }

    private func send(_ block: HeaderBlock, _ ends: Bool, _ style: FrameStyle, _ id: Int32) {
        var block = block
        if style.isMarked, let mark { block.append(mark) }
        var rest = FieldCoder.encode(block, isIndexed: style.isIndexed, emptiesTable: emptiesTable)[...]
        emptiesTable = false
        let size = min(max(rest.count / style.fragments, 1), 16_000)
        var (type, flags, isFirst) = (UInt8(1), UInt8(ends ? 1 : 0), true)
        repeat {
            let part = rest.prefix(size)
            rest = rest.dropFirst(size)
            if rest.isEmpty { flags |= 4 }
            let padding = isFirst ? style.padding : nil
            let hasPriority = isFirst && style.hasPriority
            if padding != nil { flags |= 8 }
            if hasPriority { flags |= 0x20 }
            frame(type, flags, id, length: part.count + (padding.map { $0 + 1 } ?? 0) + (hasPriority ? 5 : 0))
            if let padding { output.writeInteger(UInt8(padding)) }
            if hasPriority { output.writeMultipleIntegers(UInt32(0), UInt8(15)) }
            output.writeBytes(part)
            if let padding { output.writeRepeatingByte(0, count: padding) }
            (type, flags, isFirst) = (9, 0, false)
        } while !rest.isEmpty
    }

    private func send(_ count: Int, _ ends: Bool, _ style: FrameStyle, _ stream: FrameStream) -> Bool {
        let left = count - stream.sentOfStep
        let padding = style.padding.map { $0 + 1 } ?? 0
        let room = min(window, stream.window, peerFrame) - padding
        let size = min(left, style.most, room)
        guard size > 0 || (count == 0 && size == 0) else { return false }
        let isLast = size == left
        frame(0, (ends && isLast ? 1 : 0) | (padding > 0 ? 8 : 0), stream.id, length: size + padding)
        if padding > 0 { output.writeInteger(UInt8(padding - 1)) }
        let range = stream.sent..<stream.sent + size
        output.writeImmutableBuffer(FramePattern.slice(stream.number, isResponse: isServer, range))
        if padding > 1 { output.writeRepeatingByte(0, count: padding - 1) }
        window -= size + padding
        stream.window -= size + padding
        stream.sent += size
        stream.sentOfStep += size
        if isLast { stream.advance() }
        return true
    }
}
