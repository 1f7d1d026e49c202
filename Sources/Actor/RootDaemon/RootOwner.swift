/// Whose network it is: one link of a user daemon.
///
/// When the link goes, the network goes.
package struct RootOwner: Hashable, Sendable {
    /// The link, by a number that is not used twice.
    package let link: UInt64

    /// The process at the other end.
    package let process: UInt32

    package init(link: UInt64, process: UInt32) {
        self.link = link
        self.process = process
    }
}
