/// Which direct link leads to which session's workstation, and which of them new connections are sent over.
///
/// Pure.
///
/// A link is in one of two states until it is lost or left:
///
///     admitted ──► good ──no answer in time──► doubtful
///                    ▲                            │
///                    └────────────answer──────────┘
///
/// New connections take the newest good link; while there is none they take the other way. What is open on a link is never
/// touched here.
package struct DirectWays<Key: Hashable & Sendable>: Sendable {
    private struct Way: Sendable {
        let link: Key
        var isGood = true
    }

    /// The newest last.
    private var ways: [String: [Way]] = [:]

    package init() {}

    /// The sessions that have a link, good or doubtful.
    package var sessions: Set<String> { Set(ways.keys) }

    /// A session's link has been taken.
    package mutating func admitted(_ link: Key, of session: String) {
        ways[session, default: []].append(Way(link: link))
    }

    /// The link that a new connection to a session's workstation takes; nil where there is none.
    package func preferred(for session: String) -> Key? {
        ways[session]?.last { $0.isGood }?.link
    }

    /// The link is over, or takes nothing new.
    package mutating func lost(_ link: Key) {
        for (session, links) in ways {
            let rest = links.filter { $0.link != link }
            if rest.count != links.count { ways[session] = rest.isEmpty ? nil : rest }
        }
    }

    /// A connection over the link has had no answer in time.
    ///
    /// True where the link is to be probed from now on.
    package mutating func unanswered(_ link: Key) -> Bool {
        change(link) { way in
            defer { way.isGood = false }
            return way.isGood
        } ?? false
    }

    /// A probe of the link has ended.
    ///
    /// True where another is to follow.
    package mutating func probed(_ link: Key, answered: Bool) -> Bool {
        change(link) { way in
            if answered { way.isGood = true }
            return !way.isGood
        } ?? false
    }

    /// Only these sessions have anything at the agent: returns the links of all others, which are to be left.
    package mutating func keep(only sessions: Set<String>) -> [Key] {
        let gone = ways.filter { !sessions.contains($0.key) }
        for session in gone.keys { ways[session] = nil }
        return gone.values.flatMap { $0.map(\.link) }
    }

    private mutating func change<Value>(_ link: Key, _ body: (inout Way) -> Value) -> Value? {
        for (session, links) in ways {
            guard let index = links.firstIndex(where: { $0.link == link }) else { continue }
            var links = links
            defer { ways[session] = links }
            return body(&links[index])
        }
        return nil
    }
}
