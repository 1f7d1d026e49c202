import Synchronization

/// The newest look at a workload's pods: older ones are of no use to anybody.
final class LatestPicture: Sendable {
    private let state = Mutex<Result<PodPicture, ManagerFailure>?>(nil)

    var value: Result<PodPicture, ManagerFailure>? { state.withLock { $0 } }

    func set(_ value: Result<PodPicture, ManagerFailure>) { state.withLock { $0 = value } }
}
