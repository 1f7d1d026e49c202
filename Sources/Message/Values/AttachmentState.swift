/// How far an attachment has come.
package enum AttachmentState: UInt64, WireEnumeration {
    /// Not said, or a value that this version does not know.
    case unknown = 0
    /// An agent is on its way, or has not confirmed yet.
    case waiting = 1
    /// An agent sends traffic to the workstation.
    case active = 2
    /// It cannot work; the message says why.
    case error = 3
    /// There is no agent any more; one may come back.
    case noAgent = 4
}
