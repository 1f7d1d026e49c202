package import Message

extension AttachmentKind {
    /// What has been done to a workload, as in "it is intercepted by".
    package var past: String {
        switch self {
        case .intercept: "intercepted"
        case .ingest: "ingested"
        case .replace: "replaced"
        case .wiretap: "wiretapped"
        case .unknown: "attached to"
        }
    }
}
