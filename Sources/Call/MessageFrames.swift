import Message

/// Cuts a stream of bytes into messages: one byte of flags, four bytes of length (big-endian), the message.
///
/// The length is checked as soon as it is there, before any byte of the message is kept.
package struct MessageFrames: Sendable {
    /// Why the bytes are not frames.
    package enum Failure: Error, Sendable, Equatable {
        /// A flag is set that this version does not know.
        case flags(UInt8)
        /// A message is longer than the limit.
        case tooLarge(UInt32)
    }

    /// Bytes of the head of a frame.
    package static let headLength = 5

    private let limit: Int
    private var head: [UInt8] = []
    private var body: [UInt8] = []
    private var missing = 0

    package init(limit: Int = WireLimits.maximumMessageLength) {
        self.limit = limit
    }

    /// Nothing is kept of an unfinished frame.
    package var isEmpty: Bool { head.isEmpty }

    /// Takes more bytes and gives the messages that they complete.
    package mutating func take(_ bytes: some Collection<UInt8>) throws(Failure) -> [[UInt8]] {
        var messages: [[UInt8]] = []
        var rest = bytes[...]
        while !rest.isEmpty {
            if head.count < Self.headLength {
                let part = rest.prefix(Self.headLength - head.count)
                head += part
                rest = rest.dropFirst(part.count)
                guard head.count == Self.headLength else { break }
                guard head[0] == 0 else { throw .flags(head[0]) }
                let length = head[1...].reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
                guard length <= limit else { throw .tooLarge(length) }
                missing = Int(length)
            }
            let part = rest.prefix(missing)
            body += part
            missing -= part.count
            rest = rest.dropFirst(part.count)
            if missing == 0 {
                messages.append(body)
                body = []
                head = []
            }
        }
        return messages
    }

    /// A message with its head; nil when it is over the limit.
    package static func frame(_ message: [UInt8], limit: Int = WireLimits.maximumMessageLength) -> [UInt8]? {
        guard message.count <= limit else { return nil }
        let length = UInt32(message.count)
        let head = [24, 16, 8, 0].map { UInt8(truncatingIfNeeded: length >> $0) }
        return [0] + head + message
    }
}
