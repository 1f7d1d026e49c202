/// The transport protocol of a port.
package enum PortProtocol: UInt64, WireEnumeration {
    /// Not said, or a value that this version does not know.
    case unknown = 0
    /// TCP.
    case tcp = 1
    /// UDP.
    case udp = 2
}
