internal import Kernel
internal import NIOCore

/// What every program does first.
package enum ProgramStart {
    /// Sets up memory and threads; to be called before either is used.
    ///
    /// One event loop carries everything that a program does. NIO would start one per processor, each with a thread, at the first use.
    package static func prepare() {
        InheritedDescriptors.note()
        MemorySettings.apply()
        NIOSingletons.groupLoopCountSuggestion = 1
        // Name look-ups wait here; a slow one must not hold up all others.
        NIOSingletons.blockingPoolThreadCountSuggestion = 4
    }
}
