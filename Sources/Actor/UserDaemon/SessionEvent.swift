package import Message

/// What a session tells without being asked.
package enum SessionEvent: Sendable, Equatable {
    /// Subnets, DNS or namespaces of the cluster have changed.
    case cluster(ClusterInfo)
    /// An attachment of this session has changed or ended.
    case attachment(AttachmentChange)
    /// The session has moved to another link; its name is for `status`.
    case moved(String)
    /// The link is gone; the session object is of no more use.
    case lost(String)
}
