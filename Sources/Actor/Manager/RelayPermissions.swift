import Synchronization

/// Which agent may send connections of which attachment to which session, as a table that event loops read at once.
///
/// Concurrency model: the traffic manager writes the rows that a change concerns; anybody reads it, under a lock held for
/// a look-up.
package final class RelayPermissions: Sendable {
    /// One attachment's row.
    package struct Row: Sendable, Equatable {
        /// The session that owns the attachment.
        package let session: String
        /// The sessions of the agents that serve it.
        package let agents: Set<String>

        package init(session: String, agents: Set<String>) {
            self.session = session
            self.agents = agents
        }
    }

    private let rows = Mutex<[String: Row]>([:])

    package init() {}

    /// Whether `agent` may send a connection of `attachment` to `session`.
    package func permits(attachment: String, session: String, agent: String) -> Bool {
        rows.withLock { rows in
            guard let row = rows[attachment], row.session == session else { return false }
            return row.agents.contains(agent)
        }
    }

    /// Sets the rows of some attachments, or takes them out.
    func update(_ changes: [String: Row?]) {
        guard !changes.isEmpty else { return }
        rows.withLock { rows in
            for (attachment, row) in changes { rows[attachment] = row }
        }
    }
}
