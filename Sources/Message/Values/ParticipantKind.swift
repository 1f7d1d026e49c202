/// Who is at the other end of a session.
package enum ParticipantKind: UInt64, WireEnumeration {
    /// Not said, or a value that this version does not know.
    case unknown = 0
    /// A workstation.
    case client = 1
    /// A traffic agent in a pod.
    case agent = 2
}
