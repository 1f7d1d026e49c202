internal import Glibc

/// How many descriptors this process may have.
///
/// A process that cannot open one more is lost on Linux: libdispatch looks at its own threads in `/proc` now and then, and
/// ends the process when it cannot. So nobody may take the last ones.
package enum DescriptorLimit {
    /// Descriptors that connections leave to everything else.
    package static let reserve = 64

    /// The limit; with its first use it is raised as far as the system allows.
    ///
    /// Container runtimes give 1,024 to begin with, for the sake of old programs, and permit many more.
    package static let value: Int = raise()

    /// Raises it; who starts programs of others leaves it alone.
    package static func prepare() { _ = self.value }

    /// Whether a new descriptor, which always is the lowest that was free, shows that no more than the reserve is left.
    package static func isNear(_ descriptor: Int32) -> Bool { Int(descriptor) >= self.value - self.reserve }

    private static func raise() -> Int {
        let which = __rlimit_resource_t(RLIMIT_NOFILE.rawValue)
        var limit = rlimit()
        guard getrlimit(which, &limit) == 0 else { return 1024 }
        if limit.rlim_cur < limit.rlim_max {
            var raised = limit
            raised.rlim_cur = limit.rlim_max
            if setrlimit(which, &raised) == 0 { limit = raised }
        }
        return Int(clamping: limit.rlim_cur)
    }
}
