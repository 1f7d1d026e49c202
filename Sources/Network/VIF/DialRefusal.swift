/// Why the far side was not reached; decides what the program's `connect` says.
package enum DialRefusal: Error, Hashable, Sendable {
    /// ECONNREFUSED.
    case refused

    /// EHOSTUNREACH.
    case unreachable

    /// ENETUNREACH: there is no way to the cluster now.
    case networkDown

    /// EHOSTUNREACH (IPv6: EACCES): not allowed.
    case prohibited

    /// Nothing is answered: the program goes on waiting, as on a network, and its next SYN is dialled anew.
    case timeout
}
