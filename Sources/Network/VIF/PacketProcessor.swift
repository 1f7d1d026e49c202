import DequeModule
import Kernel
import NIOCore

/// Decides what becomes of each packet that a program sends into the interface.
///
/// TCP, as the program's segments see it:
/// ```
///            SYN: held, far side dialled        dial done: SYN released
///   (none) ------------------------> dialing ---------------------------> open -- both FIN, or RST --> lingering
///      ^         dial failed: RST/ICMP  |                                   segments are rewritten both ways  |
///      +--------------------------------+<--------------------------------------------------------------------+
/// ```
/// Pure: it neither reads nor writes, and is told the time. Its owner holds a lock around each call.
struct PacketProcessor: ~Copyable {
    /// What to do with a packet.
    enum Verdict: Sendable {
        /// Nothing more.
        case drop
        /// Write it back: it was rewritten in place.
        case forward
        /// Write this instead.
        case answer([UInt8])
    }

    /// Datagrams that may wait for the event loop.
    static let datagramLimit = 4096

    /// Longest SYN that is held, `virtio_net_hdr` included.
    static let heldLimit = 2048

    private(set) var table: FlowTable
    private(set) var counters = InterfaceCounters()
    private var events: [PacketEvent] = []
    private var waitingDatagrams = 0
    private var held: [UInt32: [UInt8]] = [:]
    private let ownV4: UInt64
    private let ownHighV6: UInt64
    private let ownLowV6: UInt64
    private let resolverV4: UInt64
    private let resolverLowV6: UInt64
    private let subnetMaskV4: UInt64
    private let subnetV4: UInt64
    private let flowBaseV4: UInt32
    private let flowSizeV4: UInt32
    private let flowBaseV6: UInt64
    private let listenerPortV4: UInt16
    private let listenerPortV6: UInt16

    /// Whether a drain of `events` is already on its way to the event loop.
    private var drainRequested = false

    /// Seconds on a monotonic clock, set by the owner about once per second.
    private var now: UInt32 = 0

    /// The listeners are on the interface's own addresses, on these ports.
    init(
        addresses: VirtualAddresses,
        listenerPortV4: UInt16,
        listenerPortV6: UInt16,
        table: consuming FlowTable = FlowTable()
    ) {
        self.table = table
        self.listenerPortV4 = listenerPortV4
        self.listenerPortV6 = listenerPortV6
        ownV4 = addresses.ownV4.low
        ownHighV6 = addresses.ownV6.high
        ownLowV6 = addresses.ownV6.low
        resolverV4 = addresses.resolverV4.low
        resolverLowV6 = addresses.resolverV6.low
        subnetV4 = addresses.subnetV4.address.low
        subnetMaskV4 = UInt64(~UInt32(0) << UInt32(32 - addresses.subnetV4.length))
        flowBaseV4 = addresses.flowBaseV4
        flowSizeV4 = 1 << UInt32(31 - addresses.subnetV4.length)
        flowBaseV6 = addresses.flowBaseV6
    }

    // MARK: Packets

    /// Takes a packet with its `virtio_net_hdr`; it may be changed in place.
    mutating func process(_ frame: UnsafeMutableRawPointer, _ count: Int) -> Verdict {
        counters.packets &+= 1
        guard count > TunDevice.headerLength else {
            counters.malformed &+= 1
            return .drop
        }
        counters.bytes &+= UInt64(count &- TunDevice.headerLength)
        let base = frame.advanced(by: TunDevice.headerLength)
        let partial = frame.load(as: UInt8.self) & 1 != 0
        let segmented = frame.load(fromByteOffset: 1, as: UInt8.self) & 0x7f == 5
        var header = PacketHeader()
        switch header.parse(base, count &- TunDevice.headerLength, segmented: segmented) {
        case .none: break
        case .malformed:
            counters.malformed &+= 1
            return .drop
        case .fragment:
            counters.fragments &+= 1
            return .drop
        case .unsupported:
            counters.unsupported &+= 1
            return .drop
        }
        switch header.transport {
        case PacketHeader.tcp:
            return tcp(frame, count, header, partial: partial)
        case PacketHeader.udp:
            udp(frame, header, segmented: segmented)
            return .drop
        default:
            counters.unsupported &+= 1
            return .drop
        }
    }

    @inline(__always)
    private func spelled(_ index: UInt32, version: UInt32) -> FlowKey {
        var key = FlowKey()
        key.version = version
        let port = 0x8000 | index & 0x7fff
        if version == 4 {
            key.sourceLow = UInt64(flowBaseV4 &+ index >> 15)
            key.destinationLow = ownV4
            key.ports = port << 16 | UInt32(listenerPortV4)
        } else {
            key.sourceHigh = ownHighV6
            key.sourceLow = flowBaseV6 | UInt64(index >> 15)
            key.destinationHigh = ownHighV6
            key.destinationLow = ownLowV6
            key.ports = port << 16 | UInt32(listenerPortV6)
        }
        return key
    }

    /// The index that an address and port spell; nil when they spell none.
    @inline(__always)
    private func index(version: UInt32, _ high: UInt64, _ low: UInt64, _ port: UInt16) -> UInt32? {
        let upper: UInt64
        if version == 4 {
            upper = low &- UInt64(flowBaseV4)
            guard upper < UInt64(flowSizeV4) else { return nil }
        } else {
            guard high == ownHighV6, low & flowBaseV6 != 0 else { return nil }
            upper = low & ~flowBaseV6
        }
        guard upper < 1 << 15, port & 0x8000 != 0 else { return nil }
        return UInt32(truncatingIfNeeded: upper << 15) | UInt32(port & 0x7fff)
    }

    @inline(__always)
    private func comesFromListener(_ key: FlowKey) -> Bool {
        key.version == 4
            ? key.sourceLow == ownV4 && key.sourcePort == listenerPortV4
            : key.sourceLow == ownLowV6 && key.sourceHigh == ownHighV6 && key.sourcePort == listenerPortV6
    }

    private mutating func tcp(
        _ frame: UnsafeMutableRawPointer,
        _ count: Int,
        _ header: PacketHeader,
        partial: Bool
    ) -> Verdict {
        let base = frame.advanced(by: TunDevice.headerLength)
        let key = header.key
        if comesFromListener(key),
            let index = index(version: key.version, key.destinationHigh, key.destinationLow, key.destinationPort)
        {
            guard table.isLive(index), table.entries[Int(index)].key.version == key.version else {
                return unknown(base, header)
            }
            let entry = table.entries[Int(index)].key
            let back = FlowKey(
                sourceHigh: entry.destinationHigh,
                sourceLow: entry.destinationLow,
                destinationHigh: entry.sourceHigh,
                destinationLow: entry.sourceLow,
                ports: entry.ports << 16 | entry.ports >> 16,
                version: entry.version
            )
            PacketRewriter.rewrite(base, header, to: back, partial: partial)
            if header.flags & 0x05 != 0 { track(index, header.flags, mark: 2) }
            return .forward
        }
        if header.flags & 0x12 == 0x02 { return syn(frame, count, header, partial: partial) }
        guard let index = table.find(key) else { return unknown(base, header) }
        guard table.entries[Int(index)].phase != .dialing else {
            if header.flags & 0x04 != 0 {
                abandon(index)
                table.remove(index)
            }
            return .drop
        }
        PacketRewriter.rewrite(base, header, to: spelled(index, version: key.version), partial: partial)
        if header.flags & 0x05 != 0 { track(index, header.flags, mark: 1) }
        return .forward
    }

    private mutating func syn(
        _ frame: UnsafeMutableRawPointer,
        _ count: Int,
        _ header: PacketHeader,
        partial: Bool
    ) -> Verdict {
        let base = frame.advanced(by: TunDevice.headerLength)
        let key = header.key
        guard isReachable(key) else {
            counters.unsupported &+= 1
            return .drop
        }
        let sequence = header.sequence(base)
        if let index = table.find(key) {
            let entry = table.entries[Int(index)]
            if entry.initialSequence == sequence {
                guard entry.phase == .open else { return .drop }
                PacketRewriter.rewrite(base, header, to: spelled(index, version: key.version), partial: partial)
                return .forward
            }
            if entry.phase == .dialing {
                abandon(index)
                table.remove(index)
            } else {
                if entry.phase == .open, entry.marks & 4 == 0 { abandon(index) }
                table.detach(index, now: now)
            }
        }
        guard count <= PacketProcessor.heldLimit, let index = table.insert(key, initialSequence: sequence) else {
            counters.overflow &+= 1
            return .drop
        }
        counters.connections &+= 1
        held[index] = Array(UnsafeRawBufferPointer(start: frame, count: count))
        let generation = table.entries[Int(index)].generation
        events.append(.dial(index: index, generation: generation, key.flow))
        return .drop
    }

    /// Notes FIN and RST; `mark` says whose.
    private mutating func track(_ index: UInt32, _ flags: UInt8, mark: UInt8) {
        let entry = table.entries[Int(index)]
        guard entry.phase == .open else { return }
        if flags & 0x04 != 0 {
            if entry.marks & 4 == 0 { abandon(index) }
            table.linger(index, now: now, afterReset: true)
        } else if table.mark(index, mark) & 3 == 3 {
            table.linger(index, now: now, afterReset: false)
        }
    }

    private mutating func abandon(_ index: UInt32) {
        held.removeValue(forKey: index)
        events.append(.abandoned(index: index, generation: table.entries[Int(index)].generation))
    }

    private mutating func unknown(_ base: UnsafeMutableRawPointer, _ header: PacketHeader) -> Verdict {
        counters.unknown &+= 1
        guard let answer = PacketBuilder.reset(base, header) else { return .drop }
        return .answer(answer)
    }

    /// Whether the destination can be a peer: no multicast, no broadcast, nothing of our own but the resolver.
    private func isReachable(_ key: FlowKey) -> Bool {
        if key.version == 4 {
            let destination = UInt32(truncatingIfNeeded: key.destinationLow)
            // 240.0.0.0/4 is ordinary, the virtual subnet lies there; 224.0.0.0/4 is multicast.
            guard destination >> 28 != 14, destination >> 24 != 0, destination != 0xffff_ffff else { return false }
            return key.destinationLow & subnetMaskV4 != subnetV4 || key.destinationLow == resolverV4
        }
        guard key.destinationHigh >> 56 != 0xff, key.destinationHigh >> 54 != 0x3fa else { return false }
        return key.destinationHigh != ownHighV6 || key.destinationLow == resolverLowV6
    }

    private mutating func udp(_ frame: UnsafeMutableRawPointer, _ header: PacketHeader, segmented: Bool) {
        // NetBIOS noise of the workstation has no business in the cluster.
        guard isReachable(header.key), !(137...139).contains(header.key.destinationPort) else {
            counters.unsupported &+= 1
            return
        }
        let base = frame.advanced(by: TunDevice.headerLength)
        let length = header.totalLength &- header.payloadOffset
        let stated = Int(frame.loadUnaligned(fromByteOffset: 4, as: UInt16.self))
        let step = segmented && stated > 0 ? stated : max(length, 1)
        var offset = 0
        repeat {
            guard waitingDatagrams < PacketProcessor.datagramLimit else {
                counters.overflow &+= 1
                return
            }
            let size = min(step, length &- offset)
            let bytes = UnsafeRawBufferPointer(start: base.advanced(by: header.payloadOffset &+ offset), count: size)
            events.append(.datagram(header.key, ByteBuffer(bytes: bytes)))
            waitingDatagrams &+= 1
            counters.datagrams &+= 1
            offset &+= step
        } while offset < length
    }

    // MARK: The event loop's part

    /// Whether the event loop has to be woken; says so once until `takeEvents`.
    mutating func requestDrain() -> Bool {
        guard !events.isEmpty, !drainRequested else { return false }
        drainRequested = true
        return true
    }

    /// Hands out what has happened since the last call.
    mutating func takeEvents() -> [PacketEvent] {
        drainRequested = false
        waitingDatagrams = 0
        var taken: [PacketEvent] = []
        swap(&taken, &events)
        return taken
    }

    /// The dial succeeded: the SYN to be written now, or nil when the program has given up.
    mutating func release(_ index: UInt32, _ generation: UInt32) -> [UInt8]? {
        guard table.isCurrent(index, generation), table.entries[Int(index)].phase == .dialing,
            var frame = held.removeValue(forKey: index)
        else { return nil }
        table.setPhase(index, .open)
        let target = spelled(index, version: table.entries[Int(index)].key.version)
        let parsed = frame.withUnsafeMutableBytes { raw in
            guard let start = raw.baseAddress else { return false }
            let base = start.advanced(by: TunDevice.headerLength)
            var header = PacketHeader()
            guard header.parse(base, raw.count &- TunDevice.headerLength, segmented: false) == .none else {
                return false
            }
            PacketRewriter.rewrite(base, header, to: target, partial: raw[0] & 1 != 0)
            return true
        }
        return parsed ? frame : nil
    }

    /// The dial failed: what to write, if anything.
    ///
    /// Nil also when the program has given up.
    mutating func refuse(_ index: UInt32, _ generation: UInt32, _ reason: DialRefusal) -> [UInt8]? {
        guard table.isCurrent(index, generation), table.entries[Int(index)].phase == .dialing,
            let frame = held.removeValue(forKey: index)
        else { return nil }
        let entry = table.entries[Int(index)]
        table.remove(index)
        let quoted = Array(frame.dropFirst(TunDevice.headerLength))
        switch reason {
        case .refused:
            return PacketBuilder.reset(entry.key, sequence: 0, acknowledgement: entry.initialSequence &+ 1)
        case .unreachable: return PacketBuilder.unreachable(entry.key, quoting: quoted, .host)
        case .networkDown: return PacketBuilder.unreachable(entry.key, quoting: quoted, .network)
        case .prohibited: return PacketBuilder.unreachable(entry.key, quoting: quoted, .prohibited)
        case .timeout: return nil
        }
    }

    /// The connection that was accepted from a peer address; nil when it is none of ours.
    mutating func accept(from peer: InternetEndpoint) -> (index: UInt32, generation: UInt32)? {
        let version: UInt32 = peer.address.family == .v4 ? 4 : 6
        guard let index = index(version: version, peer.address.high, peer.address.low, peer.port),
            table.isLive(index), table.entries[Int(index)].phase != .dialing,
            table.entries[Int(index)].key.version == version
        else { return nil }
        guard table.mark(index, 0) & 4 == 0 else { return nil }
        _ = table.mark(index, 4)
        return (index, table.entries[Int(index)].generation)
    }

    /// Sets the clock and forgets what has finished long enough ago.
    mutating func tick(now: UInt32) {
        self.now = now
        table.expire(now: now)
    }
}
