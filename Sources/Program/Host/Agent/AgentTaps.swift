import Actor
import NIOCore
import Tunnel

/// The copies that are under way to wiretaps, and what has become of the former ones.
///
/// Confined to the agent's event loop. However many taps there are and however slow their workstations, what the copies keep
/// together is bounded; who would exceed that is cut.
final class AgentTaps {
    /// What has become of an attachment's copies.
    struct Tally: Equatable {
        /// Connections and flows of which copies were begun.
        var copied: UInt64 = 0
        /// Copies that lack something, and datagrams that were left out.
        var dropped: UInt64 = 0
    }

    /// Copies of one tap at once: each is a stream on a link that serves others too.
    static let maximumCopies = 128
    /// Bytes that all copies may keep together.
    private static let budget = 32 << 20

    private final class Place {
        var tally = Tally()
        /// The oldest first.
        var copies: [TapCopy] = []
    }

    private unowned let link: AgentLink
    private let patience: TimeAmount
    private let budget = TapBudget(AgentTaps.budget)
    private var places: [String: Place] = [:]
    /// Called when a tally has changed.
    var onChange: (() -> Void)?

    init(link: AgentLink, patience: TimeAmount = .seconds(5)) {
        self.link = link
        self.patience = patience
    }

    /// The tallies at present, by attachment.
    var tallies: [String: Tally] { places.mapValues(\.tally) }

    /// Begins copies of a new connection; nil stands for none.
    func handler(for targets: [AgentRoutes.Target]) -> TapHandler? {
        let copies = targets.compactMap { copy(to: $0) }
        return copies.isEmpty ? nil : TapHandler(copies)
    }

    /// A datagram of a tapped flow was left out.
    func dropped(_ attachment: String) {
        place(attachment).tally.dropped += 1
        onChange?()
    }

    /// A flow of datagrams is copied.
    func copied(_ attachment: String) {
        place(attachment).tally.copied += 1
        onChange?()
    }

    /// Only these attachments are left: the copies of all others end.
    func keep(only attachments: Set<String>) {
        for (id, place) in places where !attachments.contains(id) {
            places[id] = nil
            for copy in place.copies { copy.abandon() }
        }
    }

    private func place(_ attachment: String) -> Place {
        if let place = places[attachment] { return place }
        let place = Place()
        places[attachment] = place
        return place
    }

    private func copy(to target: AgentRoutes.Target) -> TapCopy? {
        let place = place(target.attachmentID)
        defer { onChange?() }
        place.tally.copied += 1
        guard makeRoom(place), link.hasWay(to: target) else {
            place.tally.dropped += 1
            return nil
        }
        let copy = TapCopy(budget: budget) { [self] in
            place.tally.dropped += 1
            onChange?()
        } onOver: {
            place.copies.removeAll(where: \.isOver)
        }
        place.copies.append(copy)
        link.openTCP(to: target, within: patience) { copy.opened($0) }
        return copy
    }

    /// Whether one more copy may be begun; who has been told everything and still holds on makes way.
    private func makeRoom(_ place: Place) -> Bool {
        guard place.copies.count >= Self.maximumCopies else { return true }
        guard let done = place.copies.first(where: \.isEnding) else { return false }
        done.abandon()
        return true
    }
}

// Confined to the loop; only the reference travels.
extension AgentTaps: @unchecked Sendable {}
