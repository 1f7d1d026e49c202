/// Whether the holder of an attachment may keep somebody else from its port.
package enum HolderStanding: Sendable, Hashable {
    /// It may.
    case blocks
    /// It is the asker's own former session, and away.
    case orphan
    /// Nobody has used it for too long.
    case inactive

    /// Why an attachment of it has ended, told to its owner; nil while it blocks.
    package func reason(_ taker: String) -> String? {
        switch self {
        case .blocks: nil
        case .orphan: "taken over by another session of \(taker)"
        case .inactive: "taken over by \(taker), since this workstation was not used for a while"
        }
    }
}
