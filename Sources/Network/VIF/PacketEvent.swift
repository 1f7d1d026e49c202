import NIOCore

/// What the packet loop has to tell the event loop.
enum PacketEvent: Sendable {
    /// A program wants to connect; its SYN is held.
    case dial(index: UInt32, generation: UInt32, Flow)

    /// A program has given up a connection before it was accepted.
    case abandoned(index: UInt32, generation: UInt32)

    /// A datagram of a program.
    case datagram(FlowKey, ByteBuffer)
}
