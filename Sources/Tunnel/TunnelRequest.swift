package import HTTP2

/// A request to open a tunnel, as it came from the peer.
package struct TunnelRequest: Sendable {
    /// What the tunnel carries.
    package enum Transport: Sendable { case tcp, udp }

    /// What the tunnel carries.
    package let transport: Transport
    /// Where it is to lead.
    package let destination: TunnelDestination
    /// All fields, pseudo-fields included.
    package let fields: [HeaderField]

    /// Reads a request's fields; nil where they do not ask for a tunnel, and a failure where they do so wrongly.
    package static func parse(_ fields: [HeaderField]) -> Result<TunnelRequest, DialFailure>? {
        func value(_ name: String) -> String? { fields.first { $0.name == name }?.value }
        guard value(":method") == "CONNECT" else { return nil }
        switch value(":protocol") {
        case nil:
            guard let destination = value(":authority").flatMap({ TunnelDestination(authority: $0) }) else {
                return .failure(.failed("the authority of CONNECT is host:port"))
            }
            return .success(TunnelRequest(transport: .tcp, destination: destination, fields: fields))
        case "connect-udp":
            guard let destination = value(":path").flatMap({ TunnelDestination(path: $0) }) else {
                return .failure(.failed("the path of connect-udp is /.well-known/masque/udp/HOST/PORT/"))
            }
            return .success(TunnelRequest(transport: .udp, destination: destination, fields: fields))
        case .some(let other): return .failure(.failed("the protocol \(other) is not known"))
        }
    }

    /// The first field called `name`.
    package func value(_ name: String) -> String? { fields.first { $0.name == name }?.value }
}
