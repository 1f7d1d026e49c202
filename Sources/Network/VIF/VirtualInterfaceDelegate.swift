package import Kernel
package import NIOCore

/// Where the interface's connections and datagrams go.
///
/// All calls come on the interface's event loop.
package protocol VirtualInterfaceDelegate: AnyObject {
    /// A program wants to connect; it waits in `connect` until `completion` is called, once, on the event loop.
    ///
    /// The returned closure is called when the program gives up first; `completion` may still be called then, and a far
    /// side that it brings is abandoned.
    func dial(
        _ flow: Flow,
        completion: @escaping (Result<any DialledConnection, DialRefusal>) -> Void
    ) -> () -> Void

    /// A program has sent its first datagram to a destination.
    ///
    /// Set the flow's callbacks before returning; then the datagram is delivered.
    func open(_ flow: UDPFlow)

    /// A DNS query has come to the resolver's address by UDP; `reply` may be called on the event loop, once or not at all.
    func query(_ message: ByteBuffer, from source: InternetEndpoint, reply: @escaping (ByteBuffer) -> Void)

    /// A program has connected to the resolver's TCP port. The channel is as in `DialledConnection.join`.
    func queries(on channel: any Channel)

    /// The device has failed; the interface carries nothing more. Stop it.
    func interfaceFailed(_ error: SystemError)
}
