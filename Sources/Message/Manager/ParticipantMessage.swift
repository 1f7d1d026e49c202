/// What a workstation or an agent sends on its session stream.
///
/// Exactly one of its fields is present.
package enum ParticipantMessage: WireMessage {
    /// None of the fields that this version knows; a receiver ignores it.
    case unknown
    /// Who it is; the first message and only that.
    case hello(Hello)
    /// It is alive.
    case heartbeat(Heartbeat)
    /// It wants an attachment.
    case attachRequest(AttachRequest)
    /// It gives an attachment up.
    case detachRequest(DetachRequest)
    /// An agent's word on an attachment.
    case agentReport(AgentReport)
    /// It leaves for good.
    case depart(Depart)
    /// It ends somebody else's attachment.
    case revokeRequest(RevokeRequest)
    /// It wants another certificate.
    case renew(RenewRequest)
    /// It wants the volumes of an attachment.
    case volumeRequest(VolumeRequest)
    /// It wants a connection to a port of a pod.
    case podPortRequest(PodPortRequest)

    package static let table = MessageTable(
        "ParticipantMessage",
        choice: true,
        [
            FieldRow(1, "hello", .message("Hello")),
            FieldRow(2, "heartbeat", .message("Heartbeat")),
            FieldRow(3, "attach_request", .message("AttachRequest")),
            FieldRow(4, "detach_request", .message("DetachRequest")),
            FieldRow(5, "agent_report", .message("AgentReport")),
            FieldRow(6, "depart", .message("Depart")),
            FieldRow(7, "revoke_request", .message("RevokeRequest")),
            FieldRow(8, "renew", .message("RenewRequest")),
            FieldRow(30, "volume_request", .message("VolumeRequest")),
            FieldRow(40, "pod_port_request", .message("PodPortRequest")),
        ]
    )

    package init() {
        self = .unknown
    }

    package func encode(to writer: inout FieldWriter) {
        switch self {
        case .unknown: break
        case .hello(let value): writer.choice(1, value)
        case .heartbeat(let value): writer.choice(2, value)
        case .attachRequest(let value): writer.choice(3, value)
        case .detachRequest(let value): writer.choice(4, value)
        case .agentReport(let value): writer.choice(5, value)
        case .depart(let value): writer.choice(6, value)
        case .revokeRequest(let value): writer.choice(7, value)
        case .renew(let value): writer.choice(8, value)
        case .volumeRequest(let value): writer.choice(30, value)
        case .podPortRequest(let value): writer.choice(40, value)
        }
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self = .unknown
        while let field = try reader.next() {
            switch field.tag {
            case 1: self = .hello(try reader.choice(field))
            case 2: self = .heartbeat(try reader.choice(field))
            case 3: self = .attachRequest(try reader.choice(field))
            case 4: self = .detachRequest(try reader.choice(field))
            case 5: self = .agentReport(try reader.choice(field))
            case 6: self = .depart(try reader.choice(field))
            case 7: self = .revokeRequest(try reader.choice(field))
            case 8: self = .renew(try reader.choice(field))
            case 30: self = .volumeRequest(try reader.choice(field))
            case 40: self = .podPortRequest(try reader.choice(field))
            default: break
            }
        }
    }
}
