/// What an attachment does with the traffic of a workload.
package enum AttachmentKind: UInt64, WireEnumeration {
    /// Not said, or a value that this version does not know.
    case unknown = 0
    /// Connections to a port go to the workstation.
    case intercept = 1
    /// Environment and volumes only, no traffic.
    case ingest = 2
    /// The agent takes the place of a container.
    case replace = 3
    /// The workstation gets a copy of the traffic.
    case wiretap = 4
}
