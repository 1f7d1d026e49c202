/// A transport protocol with ports, by its number in the IP header.
package enum TransportProtocol: UInt8, Hashable, Sendable {
    case tcp = 6
    case udp = 17
}
