/// What the manager sends on a session stream.
///
/// Exactly one of its fields is present.
package enum ManagerMessage: WireMessage {
    /// None of the fields that this version knows; a receiver ignores it.
    case unknown
    /// The answer to Hello.
    case welcome(Welcome)
    /// The cluster's network has changed.
    case clusterInfo(ClusterInfo)
    /// An attachment that concerns the receiver has changed.
    case attachmentChange(AttachmentChange)
    /// A request has ended.
    case requestResult(RequestResult)
    /// A request has come a step further.
    case progress(ProgressUpdate)
    /// The answer to a heartbeat, or one of its own.
    case heartbeat(Heartbeat)
    /// The answer to a request for another certificate.
    case renewal(Renewal)
    /// Agents: dial a reverse link.
    case dialBack(DialBack)
    /// Agents: log more or less for some time.
    case logLevel(LogLevelRequest)
    /// Agents: serve volumes to a workstation.
    case volumeOrder(VolumeOrder)
    /// Agents: join a port of the pod with a workstation.
    case podPortRequest(PodPortRequest)

    package static let table = MessageTable(
        "ManagerMessage",
        choice: true,
        [
            FieldRow(1, "welcome", .message("Welcome")),
            FieldRow(2, "cluster_info", .message("ClusterInfo")),
            FieldRow(3, "attachment_change", .message("AttachmentChange")),
            FieldRow(4, "request_result", .message("RequestResult")),
            FieldRow(5, "progress", .message("ProgressUpdate")),
            FieldRow(6, "heartbeat", .message("Heartbeat")),
            FieldRow(7, "renewal", .message("Renewal")),
            FieldRow(20, "dial_back", .message("DialBack")),
            FieldRow(21, "log_level", .message("LogLevelRequest")),
            FieldRow(30, "volume_order", .message("VolumeOrder")),
            FieldRow(40, "pod_port_request", .message("PodPortRequest")),
        ]
    )

    package init() {
        self = .unknown
    }

    package func encode(to writer: inout FieldWriter) {
        switch self {
        case .unknown: break
        case .welcome(let value): writer.choice(1, value)
        case .clusterInfo(let value): writer.choice(2, value)
        case .attachmentChange(let value): writer.choice(3, value)
        case .requestResult(let value): writer.choice(4, value)
        case .progress(let value): writer.choice(5, value)
        case .heartbeat(let value): writer.choice(6, value)
        case .renewal(let value): writer.choice(7, value)
        case .dialBack(let value): writer.choice(20, value)
        case .logLevel(let value): writer.choice(21, value)
        case .volumeOrder(let value): writer.choice(30, value)
        case .podPortRequest(let value): writer.choice(40, value)
        }
    }

    package init(from reader: inout FieldReader) throws(WireError) {
        self = .unknown
        while let field = try reader.next() {
            switch field.tag {
            case 1: self = .welcome(try reader.choice(field))
            case 2: self = .clusterInfo(try reader.choice(field))
            case 3: self = .attachmentChange(try reader.choice(field))
            case 4: self = .requestResult(try reader.choice(field))
            case 5: self = .progress(try reader.choice(field))
            case 6: self = .heartbeat(try reader.choice(field))
            case 7: self = .renewal(try reader.choice(field))
            case 20: self = .dialBack(try reader.choice(field))
            case 21: self = .logLevel(try reader.choice(field))
            case 30: self = .volumeOrder(try reader.choice(field))
            case 40: self = .podPortRequest(try reader.choice(field))
            default: break
            }
        }
    }
}
