/// A participant's place in the manager, for as long as its link lives.
package struct JoinedSession: Sendable {
    package let id: String
    /// Tells this link of the session from earlier ones.
    package let generation: Int
    /// What is to be sent, in order.
    ///
    /// It ends when the session is over or when the receiver is too slow.
    package let outbound: Outbox
    /// Comes when the link is to be given up at once, whatever is still to be sent.
    package let end: SessionEnd
}
