package import Kernel
package import NIOCore

extension InternetEndpoint {
    /// The IP endpoint that a NIO address names; nil for Unix sockets.
    package init?(_ address: NIOCore.SocketAddress) {
        guard let text = address.ipAddress, let port = address.port, let value = UInt16(exactly: port),
            let parsed = InternetAddress(text)
        else { return nil }
        self.init(parsed, port: value)
    }

    /// The same for NIO.
    package func socketAddress() throws -> NIOCore.SocketAddress {
        try NIOCore.SocketAddress(ipAddress: address.description, port: Int(port))
    }
}
