/// A range of addresses that share their first bits, such as `10.96.0.0/12`.
///
/// Host bits are cleared.
package struct InternetPrefix: Hashable, Sendable, CustomStringConvertible {
    /// The first address of the range.
    package let address: InternetAddress

    /// How many leading bits are shared.
    package let length: Int

    /// Clears the host bits; nil when the length is out of range.
    package init?(_ address: InternetAddress, length: Int) {
        guard length >= 0, length <= address.bitWidth else { return nil }
        self.length = length
        switch address.family {
        case .v4:
            let mask = length == 0 ? 0 : ~UInt32(0) << UInt32(32 - length)
            self.address = InternetAddress(v4: UInt32(truncatingIfNeeded: address.low) & mask)
        case .v6:
            self.address = InternetAddress(
                v6High: address.high & Self.mask(length),
                low: address.low & Self.mask(length - 64)
            )
        }
    }

    /// The range of one address.
    package init(_ address: InternetAddress) {
        self.address = address
        length = address.bitWidth
    }

    /// From `10.0.0.0/8`, `fd00::/64`, or an address alone.
    package init?(_ text: some StringProtocol) {
        let parts = text.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let first = parts.first, let address = InternetAddress(first) else { return nil }
        guard parts.count == 2 else {
            self.init(address)
            return
        }
        guard let length = Int(parts[1]) else { return nil }
        self.init(address, length: length)
    }

    private static func mask(_ bits: Int) -> UInt64 {
        bits <= 0 ? 0 : bits >= 64 ? ~0 : ~UInt64(0) << UInt64(64 - bits)
    }

    /// Whether the address lies in the range.
    package func contains(_ other: InternetAddress) -> Bool {
        guard other.family == address.family else { return false }
        switch address.family {
        case .v4:
            return length == 0 || (other.low ^ address.low) >> UInt64(32 - length) == 0
        case .v6:
            return (other.high ^ address.high) & Self.mask(length) == 0
                && (other.low ^ address.low) & Self.mask(length - 64) == 0
        }
    }

    /// Whether the whole other range lies in this one.
    package func contains(_ other: InternetPrefix) -> Bool {
        other.length >= length && contains(other.address)
    }

    /// Whether the two ranges share an address.
    package func overlaps(_ other: InternetPrefix) -> Bool {
        contains(other) || other.contains(self)
    }

    /// The address at a distance from the first one, wrapping silently at the end of the low half.
    package func address(at offset: UInt64) -> InternetAddress {
        switch address.family {
        case .v4: InternetAddress(v4: UInt32(truncatingIfNeeded: address.low &+ offset))
        case .v6: InternetAddress(v6High: address.high, low: address.low &+ offset)
        }
    }

    package var description: String { "\(address)/\(length)" }
}
