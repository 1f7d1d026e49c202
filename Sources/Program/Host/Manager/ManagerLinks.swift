import HTTP2

/// Which link belongs to which session.
///
/// Confined to the manager's event loop.
final class ManagerLinks {
    /// Whose link it is.
    struct Owner: Equatable {
        let session: String
        let isClient: Bool
    }

    private var owners: [ObjectIdentifier: Owner] = [:]
    private var reverse: [String: Link] = [:]
    private var open: [ObjectIdentifier: Link] = [:]
    private var lastSequence: UInt64 = 0

    /// Every link there is.
    var all: [Link] { Array(open.values) }

    func opened(_ link: Link) {
        open[ObjectIdentifier(link)] = link
    }

    /// Returns the sessions that it was the reverse link of.
    func closed(_ link: Link) -> [String] {
        open[ObjectIdentifier(link)] = nil
        owners[ObjectIdentifier(link)] = nil
        let sessions = reverse.filter { $0.value === link }.map(\.key)
        for session in sessions { reverse[session] = nil }
        return sessions
    }

    /// A number for a change of a reverse link, higher than all before.
    func nextSequence() -> UInt64 {
        lastSequence += 1
        return lastSequence
    }

    /// The session stream on `link` has begun.
    func bind(_ link: Link, to owner: Owner) {
        guard open[ObjectIdentifier(link)] != nil else { return }
        owners[ObjectIdentifier(link)] = owner
    }

    /// The session stream on `link` has ended.
    func unbind(_ link: Link, from session: String) {
        if owners[ObjectIdentifier(link)]?.session == session { owners[ObjectIdentifier(link)] = nil }
    }

    func owner(of link: Link) -> Owner? { owners[ObjectIdentifier(link)] }

    /// `link` leads to the workstation of `session`; a former one is of no more use.
    ///
    /// False when it is closed already.
    func setReverse(_ link: Link, for session: String) -> Bool {
        guard open[ObjectIdentifier(link)] != nil else { return false }
        reverse[session] = link
        return true
    }

    /// The way to the workstation of `session`.
    func reverse(of session: String) -> Link? { reverse[session] }
}
