import DequeModule

/// The TCP connections that pass the interface: forward by hash of both endpoints, back by index.
///
/// A connection `S:p -> D:d` appears to the local listener as `X:q -> T:L`, where `X:q` spells the entry's index (15 bits
/// in the port, the rest in the address). So answers and accepted connections are array look-ups. Indices are reused
/// first in, first out, so that the kernel's TIME_WAIT of the old connection is over by then.
///
/// Not thread-safe; its owner holds a lock.
struct FlowTable: ~Copyable {
    /// What has become of a connection.
    enum Phase: UInt8 {
        /// Not in use.
        case free
        /// The SYN is held; the far side is being dialled.
        case dialing
        /// The SYN was released; the kernel's TCP has it.
        case open
        /// Both sides have finished, or one has reset: kept for stragglers.
        case lingering
    }

    struct Entry {
        var key = FlowKey()
        var initialSequence: UInt32 = 0
        /// Distinguishes the users of one index.
        var generation: UInt32 = 0
        var phase = Phase.free
        /// 1: the program has sent FIN; 2: the listener has; 4: accepted.
        var marks: UInt8 = 0
    }

    /// Seconds that a finished connection is remembered: the kernel's TIME_WAIT.
    static let lingerSeconds: UInt32 = 60

    /// The same after a reset.
    static let resetLingerSeconds: UInt32 = 5

    /// Freed indices that are left alone.
    private static let minimumFree = 1024

    private struct Lingering {
        let index: UInt32
        let generation: UInt32
        let until: UInt32
    }

    private(set) var entries: UnsafeMutablePointer<Entry>
    private var capacity: UInt32
    private let limit: UInt32

    /// Indices below this have been used at least once.
    private(set) var used: UInt32 = 0
    private(set) var count: UInt32 = 0

    private var slots: UnsafeMutablePointer<UInt32>
    private var slotMask: UInt32
    private let seed: UInt64
    private var free = Deque<UInt32>()
    private var lingering = Deque<Lingering>()
    private var resetLingering = Deque<Lingering>()

    /// Makes an empty table for at most `limit` connections (at most 2^30).
    init(limit: UInt32 = 1 << 20, seed: UInt64 = .random(in: 0...UInt64.max)) {
        self.limit = min(limit, 1 << 30)
        self.seed = seed
        capacity = 256
        entries = .allocate(capacity: Int(capacity))
        slotMask = 1023
        slots = .allocate(capacity: 1024)
        slots.initialize(repeating: 0, count: 1024)
    }

    deinit {
        entries.deallocate()
        slots.deallocate()
    }

    @inline(__always)
    private func home(_ key: FlowKey) -> UInt32 {
        var hash = seed ^ key.sourceLow &* 0x9e37_79b9_7f4a_7c15
        hash = (hash ^ hash >> 32) &+ key.destinationLow &* 0xc2b2_ae3d_27d4_eb4f
        hash = (hash ^ hash >> 29) &+ UInt64(key.ports) &* 0x1656_67b1_9e37_79f9
        hash = hash ^ (key.sourceHigh &+ key.destinationHigh &* 3 &+ UInt64(key.version)) &* 0x27d4_eb2f_1656_67c5
        hash = (hash ^ hash >> 31) &* 0x9e37_79b9_7f4a_7c15
        return UInt32(truncatingIfNeeded: hash >> 33) & slotMask
    }

    /// The index of a flow's entry.
    @inline(__always)
    func find(_ key: FlowKey) -> UInt32? {
        var slot = home(key)
        while true {
            let stored = slots[Int(slot)]
            if stored == 0 { return nil }
            if entries[Int(stored &- 1)].key == key { return stored &- 1 }
            slot = (slot &+ 1) & slotMask
        }
    }

    /// Whether the index names an entry that is in use.
    @inline(__always)
    func isLive(_ index: UInt32) -> Bool {
        index < used && entries[Int(index)].phase != .free
    }

    /// Whether the index still belongs to the same user.
    func isCurrent(_ index: UInt32, _ generation: UInt32) -> Bool {
        isLive(index) && entries[Int(index)].generation == generation
    }

    /// Adds a flow that is not in the table; nil when the table is full.
    mutating func insert(_ key: FlowKey, initialSequence: UInt32) -> UInt32? {
        let index: UInt32
        // A fresh index while few are free: a just freed one may still mean something to the kernel's TCP.
        if free.count > FlowTable.minimumFree || used == limit, let reused = free.popFirst() {
            index = reused
        } else {
            guard used < limit else { return nil }
            if used == capacity { growEntries() }
            index = used
            entries.advanced(by: Int(index)).initialize(to: Entry())
            used &+= 1
        }
        count &+= 1
        if count &* 2 > slotMask { growSlots() }
        let generation = entries[Int(index)].generation &+ 1
        entries[Int(index)] = Entry(
            key: key,
            initialSequence: initialSequence,
            generation: generation,
            phase: .dialing,
            marks: 0
        )
        link(index)
        return index
    }

    /// Marks an entry as finished; it is freed by `expire` later.
    mutating func linger(_ index: UInt32, now: UInt32, afterReset: Bool) {
        let generation = entries[Int(index)].generation
        entries[Int(index)].phase = .lingering
        if afterReset {
            resetLingering.append(
                Lingering(index: index, generation: generation, until: now &+ FlowTable.resetLingerSeconds)
            )
        } else {
            lingering.append(Lingering(index: index, generation: generation, until: now &+ FlowTable.lingerSeconds))
        }
    }

    /// Makes room for a new connection with the same endpoints, and remembers this one by index only.
    mutating func detach(_ index: UInt32, now: UInt32) {
        unlink(index)
        linger(index, now: now, afterReset: false)
    }

    /// Notes that the connection was released, accepted, or that a side has finished.
    @inline(__always)
    mutating func setPhase(_ index: UInt32, _ phase: Phase) { entries[Int(index)].phase = phase }

    /// Adds marks (see `Entry.marks`) and answers all of them.
    @inline(__always)
    mutating func mark(_ index: UInt32, _ marks: UInt8) -> UInt8 {
        entries[Int(index)].marks |= marks
        return entries[Int(index)].marks
    }

    /// Frees an entry now.
    mutating func remove(_ index: UInt32) {
        guard isLive(index) else { return }
        unlink(index)
        entries[Int(index)].phase = .free
        count &-= 1
        free.append(index)
    }

    /// Frees what has lingered long enough.
    mutating func expire(now: UInt32) {
        while let first = lingering.first, first.until <= now {
            lingering.removeFirst()
            if isCurrent(first.index, first.generation) { remove(first.index) }
        }
        while let first = resetLingering.first, first.until <= now {
            resetLingering.removeFirst()
            if isCurrent(first.index, first.generation) { remove(first.index) }
        }
    }

    private mutating func link(_ index: UInt32) {
        var slot = home(entries[Int(index)].key)
        while slots[Int(slot)] != 0 { slot = (slot &+ 1) & slotMask }
        slots[Int(slot)] = index &+ 1
    }

    private mutating func unlink(_ index: UInt32) {
        var hole = home(entries[Int(index)].key)
        while slots[Int(hole)] != index &+ 1 {
            guard slots[Int(hole)] != 0 else { return }
            hole = (hole &+ 1) & slotMask
        }
        // Linear probing without tombstones: close the gap with later entries that may stand there.
        var next = (hole &+ 1) & slotMask
        while slots[Int(next)] != 0 {
            let wanted = home(entries[Int(slots[Int(next)] &- 1)].key)
            if (next &- wanted) & slotMask >= (next &- hole) & slotMask {
                slots[Int(hole)] = slots[Int(next)]
                hole = next
            }
            next = (next &+ 1) & slotMask
        }
        slots[Int(hole)] = 0
    }

    private mutating func growEntries() {
        let larger = UnsafeMutablePointer<Entry>.allocate(capacity: Int(capacity) * 2)
        larger.moveInitialize(from: entries, count: Int(used))
        entries.deallocate()
        entries = larger
        capacity &*= 2
    }

    private mutating func growSlots() {
        slots.deallocate()
        let size = Int(slotMask &+ 1) * 2
        slots = .allocate(capacity: size)
        slots.initialize(repeating: 0, count: size)
        slotMask = UInt32(truncatingIfNeeded: size - 1)
        // The entry being inserted is not linked yet and still counts as free.
        for index in 0..<used where entries[Int(index)].phase != .free { link(index) }
    }
}
