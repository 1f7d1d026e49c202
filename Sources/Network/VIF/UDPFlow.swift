package import NIOCore

/// The datagrams between one program's socket and one destination.
///
/// Confined to the interface's event loop.
package final class UDPFlow {
    /// The two ends.
    package let flow: Flow

    /// Called with each datagram of the program.
    package var onDatagram: ((ByteBuffer) -> Void)?

    /// Called once when the interface has given the flow up: idle for a minute, or stopped.
    ///
    /// Not after `close`.
    package var onClose: (() -> Void)?

    let key: FlowKey
    var lastUse: NIODeadline
    private weak var interface: VirtualInterface?

    init(key: FlowKey, interface: VirtualInterface, now: NIODeadline) {
        self.key = key
        self.interface = interface
        flow = key.flow
        lastUse = now
    }

    /// Sends a datagram to the program, as if from the destination.
    ///
    /// Longer than 65,507 bytes is dropped.
    package func send(_ datagram: ByteBuffer) {
        interface?.send(datagram, on: self)
    }

    /// Tells the program that nobody listens there (ICMP port unreachable), and closes.
    package func refuse() {
        interface?.refuse(self)
    }

    /// Forgets the flow.
    ///
    /// The program's next datagram opens another.
    package func close() {
        interface?.forget(self)
    }
}
