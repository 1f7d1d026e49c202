/// What becomes of one of the app's volumes at a workstation that attaches.
package enum MountPolicy: String, Sendable, Hashable, CaseIterable {
    /// The agent does not get it, and nobody hears of it.
    case ignore = "Ignore"
    /// The agent does not get it: the workstation's own files stand for it.
    case local = "Local"
    /// It is served as the app has it.
    case remote = "Remote"
    /// It is served, but nothing can be written.
    case remoteReadOnly = "RemoteReadOnly"

    /// Reads a policy's name, in upper or lower case.
    package init?(_ name: String) {
        let found = Self.allCases.first { $0.rawValue.lowercased() == name.lowercased() }
        guard let found else { return nil }
        self = found
    }
}
