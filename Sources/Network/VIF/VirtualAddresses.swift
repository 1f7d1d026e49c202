package import Kernel

/// The addresses that the virtual interface itself uses, out of the virtual subnets.
package struct VirtualAddresses: Hashable, Sendable {
    /// The IPv4 subnet; its upper half stands for connections (see `FlowTable`).
    package let subnetV4: InternetPrefix

    /// The IPv6 subnet; its upper half stands for connections.
    package let subnetV6: InternetPrefix

    /// Takes an IPv4 subnet of at most 16 and an IPv6 subnet of at most 64 bits length; nil otherwise.
    package init?(subnetV4: InternetPrefix, subnetV6: InternetPrefix) {
        guard subnetV4.address.family == .v4, subnetV4.length <= 16, subnetV4.length >= 8,
            subnetV6.address.family == .v6, subnetV6.length <= 64
        else { return nil }
        self.subnetV4 = subnetV4
        self.subnetV6 = subnetV6
    }

    private init() {
        subnetV4 = InternetPrefix(InternetAddress(v4: 0xf6f6_0000), length: 16) ?? InternetPrefix(.anyV4)
        subnetV6 =
            InternetPrefix(InternetAddress(v6High: 0xfd00_0000_0000_0246, low: 0), length: 64) ?? InternetPrefix(.anyV6)
    }

    /// 246.246.0.0/16 and fd00:0:0:246::/64.
    package static let standard = VirtualAddresses()

    /// The interface's own IPv4 address, where the listener is.
    package var ownV4: InternetAddress { subnetV4.address(at: 1) }

    /// The interface's own IPv6 address, where the listener is.
    package var ownV6: InternetAddress { subnetV6.address(at: 1) }

    /// The resolver's IPv4 address.
    package var resolverV4: InternetAddress { subnetV4.address(at: 2) }

    /// The resolver's IPv6 address.
    package var resolverV6: InternetAddress { subnetV6.address(at: 2) }

    /// The first IPv4 address that stands for connections: the middle of the subnet.
    var flowBaseV4: UInt32 {
        UInt32(truncatingIfNeeded: subnetV4.address.low) &+ (1 << UInt32(31 - subnetV4.length))
    }

    /// The low half of the first IPv6 address that stands for connections.
    var flowBaseV6: UInt64 { 1 << 63 }
}
