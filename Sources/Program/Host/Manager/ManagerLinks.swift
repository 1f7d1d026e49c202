import HTTP2
import NIOCore

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
    /// The newest last: an older one serves again when it fails.
    private var reverse: [String: [Link]] = [:]
    /// The session of each reverse link.
    private var leads: [ObjectIdentifier: String] = [:]
    private var open: [ObjectIdentifier: Link] = [:]
    /// Links on which an agent has had its session.
    private var agents: Set<ObjectIdentifier> = []
    private var lastSequence: UInt64 = 0
    private var lastComplaint: NIODeadline?

    /// Every link there is.
    var all: [Link] { Array(open.values) }

    func opened(_ link: Link) {
        open[ObjectIdentifier(link)] = link
    }

    /// Returns the session that it was the only reverse link of.
    func closed(_ link: Link) -> String? {
        if open.removeValue(forKey: ObjectIdentifier(link)) != nil, agents.remove(ObjectIdentifier(link)) == nil {
            closedBytes = (closedBytes.in + link.bytesIn, closedBytes.out + link.bytesOut)
        }
        owners[ObjectIdentifier(link)] = nil
        guard let session = leads.removeValue(forKey: ObjectIdentifier(link)) else { return nil }
        reverse[session]?.removeAll { $0 === link }
        guard reverse[session]?.isEmpty == true else { return nil }
        reverse[session] = nil
        return session
    }

    /// Whether it is a minute since the last time that this was so.
    func mayComplain(at now: NIODeadline) -> Bool {
        if let last = lastComplaint, now < last + .seconds(60) { return false }
        lastComplaint = now
        return true
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
        if !owner.isClient { agents.insert(ObjectIdentifier(link)) }
    }

    /// The session stream on `link` has ended.
    func unbind(_ link: Link, from session: String) {
        if owners[ObjectIdentifier(link)]?.session == session { owners[ObjectIdentifier(link)] = nil }
    }

    func owner(of link: Link) -> Owner? { owners[ObjectIdentifier(link)] }

    /// `link` leads to the workstation of `session`, rather than a former one.
    ///
    /// False when it is closed already.
    func setReverse(_ link: Link, for session: String) -> Bool {
        guard open[ObjectIdentifier(link)] != nil else { return false }
        leads[ObjectIdentifier(link)] = session
        reverse[session, default: []].append(link)
        return true
    }

    /// Nobody is at the other end of a session's links any more: what is open on them ends now, not when they fail.
    func cut(_ link: Link, of session: String) {
        for link in [link] + (reverse[session] ?? []) { link.close() }
    }

    /// A link and the session that it belongs to; empty while nobody has said.
    struct Row {
        let link: Link
        let session: String
        let isReverse: Bool
        let isClient: Bool
    }

    /// Every link, in the order in which they came.
    var rows: [Row] {
        open.values.sorted { $0.number < $1.number }.map { link in
            let owner = owners[ObjectIdentifier(link)]
            return Row(
                link: link,
                session: owner?.session ?? leads[ObjectIdentifier(link)] ?? "",
                isReverse: owner == nil && leads[ObjectIdentifier(link)] != nil,
                isClient: !agents.contains(ObjectIdentifier(link))
            )
        }
    }

    /// Bytes of workstations' links that are closed: received from them, sent to them.
    private(set) var closedBytes: (in: UInt64, out: UInt64) = (0, 0)

    /// Bytes received from workstations and sent to them.
    var clientBytes: (in: UInt64, out: UInt64) {
        rows.filter(\.isClient).reduce(closedBytes) { ($0.in + $1.link.bytesIn, $0.out + $1.link.bytesOut) }
    }

    /// The way to the workstation of `session`.
    func reverse(of session: String) -> Link? {
        guard let links = reverse[session] else { return nil }
        // One that is being left takes nothing new.
        return links.last { $0.isOpen } ?? links.last
    }
}
