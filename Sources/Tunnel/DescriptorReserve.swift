internal import Kernel
package import NIOCore

/// Keeps the last descriptors of the process from being used up by connections.
package enum DescriptorReserve {
    /// There are too many connections.
    package struct Exhausted: Error, CustomStringConvertible {
        package var description: String {
            "the process has nearly \(DescriptorLimit.value) descriptors open, its limit (ulimit -n): no more connections"
        }
    }

    /// Throws when a channel has one of the last descriptors; to be called in its initializer, which then closes it.
    ///
    /// On the channel's loop.
    package static func check(_ channel: any Channel) throws(Exhausted) {
        let isNear = try? channel.pipeline.syncOperations.withUnsafeTransportIfAvailable(
            of: NIOBSDSocket.Handle.self
        ) { DescriptorLimit.isNear($0) }
        if isNear == true { throw Exhausted() }
    }
}
