import Kernel

/// A flow in 40 bytes, as the packet loop compares it.
///
/// IPv4 addresses are in the low halves.
struct FlowKey: Hashable {
    var sourceHigh: UInt64 = 0
    var sourceLow: UInt64 = 0
    var destinationHigh: UInt64 = 0
    var destinationLow: UInt64 = 0

    /// Source port in the upper half, destination port in the lower.
    var ports: UInt32 = 0

    /// 4 or 6.
    var version: UInt32 = 0

    @inline(__always)
    static func == (left: FlowKey, right: FlowKey) -> Bool {
        left.ports == right.ports && left.destinationLow == right.destinationLow && left.sourceLow == right.sourceLow
            && left.sourceHigh == right.sourceHigh && left.destinationHigh == right.destinationHigh
            && left.version == right.version
    }

    var sourcePort: UInt16 { UInt16(truncatingIfNeeded: ports >> 16) }

    var destinationPort: UInt16 { UInt16(truncatingIfNeeded: ports) }

    var flow: Flow {
        Flow(
            source: InternetEndpoint(address(sourceHigh, sourceLow), port: sourcePort),
            destination: InternetEndpoint(address(destinationHigh, destinationLow), port: destinationPort)
        )
    }

    private func address(_ high: UInt64, _ low: UInt64) -> InternetAddress {
        version == 4
            ? InternetAddress(v4: UInt32(truncatingIfNeeded: low)) : InternetAddress(v6High: high, low: low)
    }
}

extension FlowKey {
    init(_ flow: Flow) {
        sourceHigh = flow.source.address.high
        sourceLow = flow.source.address.low
        destinationHigh = flow.destination.address.high
        destinationLow = flow.destination.address.low
        ports = UInt32(flow.source.port) << 16 | UInt32(flow.destination.port)
        version = flow.source.address.family == .v4 ? 4 : 6
    }
}
