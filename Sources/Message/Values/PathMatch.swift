/// How the path of a filter is meant.
package enum PathMatch: UInt64, WireEnumeration {
    /// Not said: every path.
    case unknown = 0
    /// This path and no other.
    case equal = 1
    /// Paths that begin with it.
    case prefix = 2
    /// Paths that match it, a regular expression.
    case regex = 3
}
