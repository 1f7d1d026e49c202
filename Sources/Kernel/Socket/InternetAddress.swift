import Glibc

/// An IPv4 or IPv6 address.
package struct InternetAddress: Hashable, Sendable, CustomStringConvertible {
    /// The two kinds of address.
    package enum Family: Sendable {
        case v4, v6
    }

    /// Which kind it is.
    package let family: Family

    /// The first eight bytes of an IPv6 address as a number; 0 for IPv4.
    package let high: UInt64

    /// The last eight bytes of an IPv6 address, or the four of an IPv4 address, as a number.
    package let low: UInt64

    /// An IPv4 address from its number, 127.0.0.1 being 0x7f000001.
    package init(v4 value: UInt32) {
        family = .v4
        high = 0
        low = UInt64(value)
    }

    /// An IPv6 address from the numbers of its halves.
    package init(v6High high: UInt64, low: UInt64) {
        family = .v6
        self.high = high
        self.low = low
    }

    /// From 4 or 16 bytes in network order; nil for any other count.
    package init?(bytes: some Collection<UInt8>) {
        switch bytes.count {
        case 4:
            self.init(v4: bytes.reduce(0) { $0 << 8 | UInt32($1) })
        case 16:
            self.init(
                v6High: bytes.prefix(8).reduce(0) { $0 << 8 | UInt64($1) },
                low: bytes.dropFirst(8).reduce(0) { $0 << 8 | UInt64($1) }
            )
        default:
            return nil
        }
    }

    /// From its text form, such as `10.0.0.1` or `fd00::1`.
    ///
    /// No brackets, no zone, no prefix length.
    package init?(_ text: some StringProtocol) {
        let text = String(text)
        var bytes = [UInt8](repeating: 0, count: 16)
        if inet_pton(AF_INET, text, &bytes) == 1 {
            self.init(bytes: bytes[0..<4])
        } else if inet_pton(AF_INET6, text, &bytes) == 1 {
            self.init(bytes: bytes)
        } else {
            return nil
        }
    }

    /// 127.0.0.1.
    package static let loopbackV4 = InternetAddress(v4: 0x7f00_0001)

    /// ::1.
    package static let loopbackV6 = InternetAddress(v6High: 0, low: 1)

    /// 0.0.0.0.
    package static let anyV4 = InternetAddress(v4: 0)

    /// ::.
    package static let anyV6 = InternetAddress(v6High: 0, low: 0)

    /// The number of an IPv4 address; nil for IPv6.
    package var v4: UInt32? { family == .v4 ? UInt32(truncatingIfNeeded: low) : nil }

    /// Bits of an address: 32 or 128.
    package var bitWidth: Int { family == .v4 ? 32 : 128 }

    /// 4 or 16 bytes in network order.
    package var bytes: [UInt8] {
        switch family {
        case .v4: (0..<4).map { UInt8(truncatingIfNeeded: low >> (24 - 8 * $0)) }
        case .v6:
            (0..<16).map { UInt8(truncatingIfNeeded: ($0 < 8 ? high : low) >> (56 - 8 * ($0 & 7))) }
        }
    }

    /// Whether it is in 127.0.0.0/8 or ::1.
    package var isLoopback: Bool {
        family == .v4 ? low >> 24 == 127 : high == 0 && low == 1
    }

    package var description: String {
        var text = [CChar](repeating: 0, count: 64)
        let raw = bytes
        let kind = family == .v4 ? AF_INET : AF_INET6
        guard inet_ntop(kind, raw, &text, socklen_t(text.count)) != nil else { return "?" }
        return String(decoding: text.lazy.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
