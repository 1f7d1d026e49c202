internal import CNghttp2
internal import Glibc
internal import Synchronization

/// Memory for nghttp2: its output buffers come from pages of their own.
///
/// Each session has a buffer of 16 KiB for the frames it writes, of which the links that carry a few small frames use the
/// beginning. On the heap the whole buffer is memory that others have written to before; on pages of its own it takes one.
/// All else is malloc's.
///
/// Concurrency model: the free buffers are under a lock; nghttp2 asks on whatever thread its session runs.
enum FrameMemory {
    /// A buffer and what nghttp2 puts before it.
    private static let wanted = 16_384...(16_384 + 256)
    /// Bytes from one buffer to the next: whole pages.
    private static let stride = 20_480
    /// Buffers of one region; memory is taken with their first use.
    private static let perRegion = 1024

    private struct State: ~Copyable {
        var regions: [UInt] = []
        var free: [UInt] = []
        /// Buffers of the last region that were never used.
        var fresh = 0
    }

    private static let state = Mutex(State())

    /// What nghttp2 is given.
    static var functions: nghttp2_mem {
        nghttp2_mem(
            mem_user_data: nil,
            malloc: { size, _ in FrameMemory.allocate(size) },
            free: { pointer, _ in FrameMemory.release(pointer) },
            calloc: { count, size, _ in Glibc.calloc(count, size) },
            realloc: { pointer, size, _ in FrameMemory.resize(pointer, size) }
        )
    }

    static func allocate(_ size: Int) -> UnsafeMutableRawPointer? {
        guard wanted.contains(size) else { return malloc(size) }
        let address = state.withLock { state -> UInt? in
            if let free = state.free.popLast() { return free }
            if state.fresh == 0 {
                guard let region = reserve() else { return nil }
                state.regions.append(region)
                state.fresh = perRegion
            }
            state.fresh -= 1
            return state.regions.last.map { $0 + UInt(state.fresh * stride) }
        }
        return address.flatMap { UnsafeMutableRawPointer(bitPattern: $0) } ?? malloc(size)
    }

    static func release(_ pointer: UnsafeMutableRawPointer?) {
        guard let pointer, !keep(pointer) else { return }
        free(pointer)
    }

    static func resize(_ pointer: UnsafeMutableRawPointer?, _ size: Int) -> UnsafeMutableRawPointer? {
        guard let pointer else { return allocate(size) }
        guard isOurs(pointer) else { return realloc(pointer, size) }
        guard size > stride else { return pointer }
        guard let larger = malloc(size) else { return nil }
        larger.copyMemory(from: pointer, byteCount: stride)
        release(pointer)
        return larger
    }

    /// Takes a buffer back; false when it is malloc's.
    private static func keep(_ pointer: UnsafeMutableRawPointer) -> Bool {
        guard isAligned(pointer) else { return false }
        return state.withLock { state in
            guard contains(state.regions, pointer) else { return false }
            state.free.append(UInt(bitPattern: pointer))
            return true
        }
    }

    static func isOurs(_ pointer: UnsafeMutableRawPointer) -> Bool {
        isAligned(pointer) && state.withLock { contains($0.regions, pointer) }
    }

    /// Nearly nothing of malloc's begins with a page, so that it seldom has to be looked up.
    private static func isAligned(_ pointer: UnsafeMutableRawPointer) -> Bool { UInt(bitPattern: pointer) & 4095 == 0 }

    private static func contains(_ regions: [UInt], _ pointer: UnsafeMutableRawPointer) -> Bool {
        let address = UInt(bitPattern: pointer)
        return regions.contains { $0 <= address && address < $0 + UInt(perRegion * stride) }
    }

    private static func reserve() -> UInt? {
        let flags = MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE
        guard let region = mmap(nil, perRegion * stride, PROT_READ | PROT_WRITE, flags, -1, 0), region != MAP_FAILED
        else { return nil }
        // A huge page would be taken as a whole.
        madvise(region, perRegion * stride, MADV_NOHUGEPAGE)
        return UInt(bitPattern: region)
    }
}
