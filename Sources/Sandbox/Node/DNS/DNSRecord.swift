/// One record of the cluster's DNS.
enum DNSRecord: Hashable, Sendable {
    /// An IPv4 address as a number.
    case address(UInt32)
    case alias(String)
    case pointer(String)
    /// `priority` is 0; all weigh the same.
    case service(port: UInt16, target: String)
    /// The start of authority, for negative answers.
    case authority(String)

    /// The record's TYPE.
    var type: UInt16 {
        switch self {
        case .address: 1
        case .alias: 5
        case .authority: 6
        case .pointer: 12
        case .service: 33
        }
    }

    /// The record's RDATA.
    var data: [UInt8] {
        switch self {
        case .address(let value): (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * UInt32($0))) }
        case .alias(let name), .pointer(let name): DNSName.bytes(name)
        case .service(let port, let target):
            [0, 0, 0, 100, UInt8(port >> 8), UInt8(port & 0xFF)] + DNSName.bytes(target)
        case .authority(let zone):
            // Serial, refresh, retry, expire, and the seconds for which a negative answer may be remembered.
            DNSName.bytes("ns.dns.\(zone)") + DNSName.bytes("hostmaster.\(zone)")
                + [1, 7200, 1800, 86400, 5].flatMap { (value: UInt32) in
                    (0..<4).map { UInt8(truncatingIfNeeded: value >> (24 - 8 * UInt32($0))) }
                }
        }
    }
}
