/// How much a participant has to prove.
package enum AuthenticationMode: String, Sendable, CaseIterable {
    /// Everything: who has not proven who it is, or lacks a right, is refused.
    case enforcing
    /// Nothing is refused; what would have been is said in the audit log.
    case permissive
    /// Nobody is asked.
    case disabled
}
