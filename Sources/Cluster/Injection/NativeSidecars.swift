/// Which sidecars of Kubernetes' own a cluster has: init containers with `restartPolicy: Always`.
package enum NativeSidecars: Sendable, Hashable {
    /// None (before 1.29).
    case none
    /// Services do not find the ports of sidecars by name (before 1.32).
    case byNumber
    /// Whole.
    case full

    /// What a server has, by its version, such as `v1.33.1`; none when it cannot be read.
    package init(serverVersion: String) {
        let parts = serverVersion.drop { $0 == "v" }.split(separator: ".").prefix(2)
            .map { Int($0.prefix { $0.isNumber }) ?? 0 }
        guard parts.count == 2, parts[0] > 1 || parts[1] >= 29 else {
            self = .none
            return
        }
        self = parts[0] > 1 || parts[1] >= 32 ? .full : .byNumber
    }
}
