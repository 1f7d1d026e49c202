package import Message

/// Which requests of a port an attachment is for.
///
/// Without headers and path it is for all of them.
package struct TrafficFilter: Sendable, Hashable {
    /// A condition on a request's path.
    package enum Path: Sendable, Hashable {
        /// Every path.
        case any
        /// This path and no other.
        case equal(String)
        /// Paths that begin with this.
        case prefix(String)
        /// Paths that match a regular expression.
        case regex(String)

        /// Whether there may be a path that satisfies both.
        ///
        /// What two regular expressions have in common cannot be decided here, so they are held to overlap, and a
        /// regular expression with anything else too.
        package func overlaps(_ other: Path) -> Bool {
            switch (self, other) {
            case (.any, _), (_, .any), (.regex, _), (_, .regex): true
            case (.equal(let one), .equal(let two)): one == two
            case (.equal(let path), .prefix(let start)), (.prefix(let start), .equal(let path)): path.hasPrefix(start)
            case (.prefix(let one), .prefix(let two)): one.hasPrefix(two) || two.hasPrefix(one)
            }
        }
    }

    /// Headers that a request must have, all of them, by lower-case name.
    package var headers: [String: String]
    package var path: Path

    package init(headers: [String: String] = [:], path: Path = .any) {
        self.headers = headers
        self.path = path
    }

    /// It lets every request pass.
    package var isGlobal: Bool { headers.isEmpty && path == .any }

    /// Whether there are requests that both are for, with neither of them coming first.
    ///
    /// Filters with headers are asked before filters by path alone, so these two do not meet. Two filters with headers meet
    /// where the headers of one are among those of the other and the paths overlap: different values of one header, or
    /// different headers, keep people apart.
    package func overlaps(_ other: TrafficFilter) -> Bool {
        if isGlobal || other.isGlobal { return true }
        guard headers.isEmpty == other.headers.isEmpty, path.overlaps(other.path) else { return false }
        let (fewer, more) = headers.count <= other.headers.count ? (headers, other.headers) : (other.headers, headers)
        return fewer.allSatisfy { more[$0.key] == $0.value }
    }
}

extension TrafficFilter {
    /// What an attachment is asked to be for.
    package init(_ spec: AttachmentSpec) {
        let path: Path =
            switch spec.pathMatch {
            case .unknown: .any
            case .equal: .equal(spec.path)
            case .prefix: .prefix(spec.path)
            case .regex: .regex(spec.path)
            }
        self.init(headers: spec.headers, path: path)
    }
}
