internal import CKernel

/// How the C library's allocator behaves in our programs.
package enum MemorySettings {
    /// Sets the allocator up; to be called before there is a second thread.
    ///
    /// - The buffers of a busy link come from the heap and stay in it: by default glibc gives them back to the kernel after each use,
    ///   and every page is faulted in and cleared again for the next. At most ``kept`` bytes stay at the end of an arena.
    /// - Few arenas: by default each thread may have one, on a large machine dozens, and each keeps what it once had.
    package static func apply() {
        mallopt(M_ARENA_MAX, 2)
        mallopt(M_MMAP_THRESHOLD, 2 << 20)
        mallopt(M_TRIM_THRESHOLD, kept)
    }

    /// Free bytes at the end of an arena above which they are given back.
    private static let kept: Int32 = 8 << 20
}
