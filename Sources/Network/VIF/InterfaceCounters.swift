/// What has passed the interface and what has not.
package struct InterfaceCounters: Hashable, Sendable {
    /// Packets read from programs, and their bytes.
    package var packets: UInt64 = 0
    package var bytes: UInt64 = 0

    /// Dropped: lengths that contradict each other.
    package var malformed: UInt64 = 0

    /// Dropped: fragments.
    package var fragments: UInt64 = 0

    /// Dropped: protocols, or destinations such as multicast, that the interface does not carry.
    package var unsupported: UInt64 = 0

    /// Answered by a reset: segments of unknown connections.
    package var unknown: UInt64 = 0

    /// Dropped: no room for another connection, or too many datagrams waiting.
    package var overflow: UInt64 = 0

    /// Connections begun.
    package var connections: UInt64 = 0

    /// Datagrams taken from programs.
    package var datagrams: UInt64 = 0
}
