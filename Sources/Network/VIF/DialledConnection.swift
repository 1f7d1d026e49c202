package import NIOCore

/// A far side that was reached, waiting for the program's end of the connection.
///
/// Confined to the interface's event loop. Exactly one of the two methods is called, once.
package protocol DialledConnection: AnyObject {
    /// The program's connection stands.
    ///
    /// The channel is active, has an empty pipeline, `autoRead` off, remote half-closure on and TCP_NODELAY set; it speaks
    /// `ByteBuffer`. From here on it is the receiver's to close.
    func join(_ channel: any Channel)

    /// The program has gone away before: close the far side.
    func abandon()
}
