package import HTTP2
package import Message
package import Network
import NIOCore

package import Tunnel

extension LinkStatus {
    /// A link as it is now; on its loop.
    package init(_ link: Link, peer: String, session: String = "", transport: String = "tls") {
        self.init(
            id: String(link.number),
            peer: peer,
            sessionID: session,
            transport: transport,
            role: link.role == .client ? "client" : "server",
            roundTripMicroseconds: UInt64(max(0, link.roundTrip?.nanoseconds ?? 0)) / 1000,
            bytesIn: link.bytesIn,
            bytesOut: link.bytesOut,
            streams: UInt32(clamping: link.streamCount),
            opened: link.opened
        )
    }
}

extension StatusReport {
    /// Adds what a ledger counts; on its loop.
    package mutating func add(_ id: String, _ ledger: TunnelLedger) {
        let reasons = ledger.failed.sorted { $0.key < $1.key }.map { StatusCounter(name: $0.key, value: $0.value) }
        tunnels.append(
            TunnelStatus(
                id: id,
                opened: ledger.opened,
                failed: reasons.reduce(0) { $0 + $1.value },
                reasons: reasons
            )
        )
        failures += ledger.recent.map {
            TunnelFailure(sequence: $0.sequence, at: $0.at, destination: $0.destination, reason: $0.reason)
        }
        failures.sort { $0.sequence < $1.sequence }
    }
}

extension StatusReport {
    /// Adds the rows of a part of the component.
    package mutating func join(_ part: StatusReport) {
        sessions += part.sessions
        attachments += part.attachments
        links += part.links
        tunnels += part.tunnels
        counters += part.counters
        failures = (failures + part.failures).sorted { $0.sequence < $1.sequence }
    }

    /// Adds counters, in this order.
    package mutating func count(_ values: KeyValuePairs<String, UInt64>) {
        counters += values.map { StatusCounter(name: $0.key, value: $0.value) }
    }

    /// Adds what a resolver counts.
    package mutating func add(_ names: DNSCounters) {
        count([
            "dns.queries": names.queries, "dns.cluster": names.cluster, "dns.upstream": names.upstream,
            "dns.unknown": names.unknown, "dns.failed": names.failed,
        ])
    }

    /// Adds what an interface counts.
    package mutating func add(_ packets: InterfaceCounters) {
        count([
            "packets.read": packets.packets, "packets.bytes": packets.bytes,
            "packets.connections": packets.connections, "packets.datagrams": packets.datagrams,
            "packets.malformed": packets.malformed, "packets.fragments": packets.fragments,
            "packets.unsupported": packets.unsupported, "packets.unknown": packets.unknown,
            "packets.overflow": packets.overflow,
        ])
    }
}
