/// How far a Deployment has come.
enum RolloutState: Sendable, Hashable {
    /// It may still become ready; the text says what it waits for.
    case waiting(String)
    case ready
    /// It will not become ready without somebody's doing.
    case failed(RolloutFailure)
}

/// Why a Deployment does not become ready.
struct RolloutFailure: Sendable, Hashable {
    /// The container whose last words help to understand it.
    struct Container: Sendable, Hashable {
        let pod: String
        let name: String
        /// The words of the run before, for a container that waits for its next one.
        let previous: Bool
    }

    /// What Kubernetes says.
    let reason: String
    var remedy: String?
    var container: Container?
}
