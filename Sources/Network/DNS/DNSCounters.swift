/// What a resolver was asked and what came of it.
package struct DNSCounters: Hashable, Sendable {
    /// Queries of programs.
    package var queries: UInt64 = 0

    /// Asked of the cluster; equal queries at the same time count once.
    package var cluster: UInt64 = 0

    /// Asked of the workstation's own resolvers.
    package var upstream: UInt64 = 0

    /// Answered that there is no such name.
    package var unknown: UInt64 = 0

    /// Not answered by anybody: the program got SERVFAIL.
    package var failed: UInt64 = 0
}
