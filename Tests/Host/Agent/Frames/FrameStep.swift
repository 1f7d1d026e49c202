@testable import HTTP2

/// One thing that an end of a stream does.
enum FrameStep: Sendable {
    /// Sends a header block; a server's own is marked with its name where the style says so.
    case fields(HeaderBlock, ends: Bool, FrameStyle)
    /// Sends so many bytes of the stream's ``FramePattern``; none of them are an empty frame.
    case body(Int, ends: Bool, FrameStyle)
    /// Waits for something that the other end says on this stream.
    case await(FrameEvent)
    /// Resets the stream; of the bytes that came, and of what came after them, only `keeping` are told.
    case reset(UInt32, keeping: Int?)
    /// Sends what has no meaning for the stream: a priority, or a frame of a type that nobody knows.
    case junk(type: UInt8, length: Int)
    /// A server leaves: the connection gets no new streams.
    case goAway
}

/// Something that the other end has said.
enum FrameEvent: Sendable {
    /// So many header blocks.
    case fields(Int)
    /// So many bytes of body, at least.
    case bytes(Int)
    case end
    case reset
}

/// How frames are written.
struct FrameStyle: Sendable {
    /// Bytes of padding; without it also without the flag.
    var padding: Int?
    /// Payload of one DATA frame at most.
    var most = 16_384
    /// In how many frames a header block is cut.
    var fragments = 1
    /// HEADERS has a priority (RFC 7540).
    var hasPriority = false
    /// Fields are put into the compression table, but for those that may not be.
    var isIndexed = false
    /// The server's name is added.
    var isMarked = false
}

/// What an end of a stream does, from its beginning to its end.
struct FrameScript: Sendable {
    var steps: [FrameStep] = []
    /// It gives back no window until it is released.
    var isHeld = false
    /// A server's: released when the request of this number comes.
    var heldUntil: Int?
}

/// What an end of a stream has seen, in order.
///
/// Bytes are told as one number between other things, whatever the frames were. They are those of the pattern, or it is said where
/// they are not.
enum FrameSight: Equatable, Sendable {
    case fields(HeaderBlock, ends: Bool)
    case body(Int)
    case wrong(at: Int)
    case end
    case reset(UInt32)
    /// The connection has ended.
    case lost

    /// Whether both are the same but for the server's name, the last three bytes of a marked block.
    ///
    /// What the client did not allow into compression tables is not allowed behind the agent either. The agent may forbid more: as
    /// nghttp2 does for credentials, which is a rule of HPACK for whoever encodes (RFC 7541, 7.1.3).
    static func isSame(_ direct: FrameSight, _ behind: FrameSight) -> Bool {
        guard case .fields(let one, let oneEnds) = direct, case .fields(let other, let otherEnds) = behind else {
            return direct == behind
        }
        guard oneEnds == otherEnds, one.count == other.count, one.bytes.count == other.bytes.count else { return false }
        for (one, other) in zip(one.entries, other.entries) {
            guard one.nameLength == other.nameLength, one.valueLength == other.valueLength,
                !one.neverIndexed || other.neverIndexed
            else { return false }
        }
        let ends = direct.answerer == nil ? 0 : 3
        return one.bytes.dropLast(ends) == other.bytes.dropLast(ends)
    }

    /// The server's name, of a marked block.
    var answerer: String? {
        guard case .fields(let block, _) = self,
            block.bytes.suffix(FrameServer.mark.count + 3).starts(with: FrameServer.mark)
        else { return nil }
        return String(decoding: block.bytes.suffix(3), as: UTF8.self)
    }
}

extension FrameSight: CustomStringConvertible {
    var description: String {
        switch self {
        case .fields(let block, let ends):
            zip(block.fields, block.entries).map { field, entry in
                (field.name + ": " + field.value.prefix(80)).debugDescription + (entry.neverIndexed ? "!" : "")
            }.joined(separator: ", ") + (ends ? " END" : "")
        case .body(let count): "\(count) bytes"
        case .wrong(let place): "wrong at byte \(place)"
        case .end: "END"
        case .reset(let code): "RESET \(HTTP2ErrorCode(rawValue: code))"
        case .lost: "LOST"
        }
    }
}
