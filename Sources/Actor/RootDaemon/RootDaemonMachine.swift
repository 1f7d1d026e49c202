/// Who may set up and take down the workstation's network.
///
/// ```
///           setUp                established
///   idle ----------> changing ----------------> up --- tearDown of the owner, loss of its link ---> idle
///     ^                 | failed
///     +-----------------+
/// ```
package struct RootDaemonMachine: ~Copyable {
    private enum State {
        case idle
        case changing(RootOwner)
        case up(RootOwner)
    }

    /// What to do with a request to set up.
    package enum OnSetUp: Equatable, Sendable {
        case begin
        case refuse(RootFailure)
    }

    /// What to do when the owner wants or needs its network undone.
    package enum OnEnd: Equatable, Sendable {
        case undo
        case nothing
        case refuse(RootFailure)
    }

    private var state = State.idle

    package init() {}

    /// The owner of the network that is up.
    package var owner: RootOwner? {
        if case .up(let owner) = state { owner } else { nil }
    }

    /// Somebody asks for a network.
    package mutating func setUp(_ owner: RootOwner) -> OnSetUp {
        switch state {
        case .idle:
            state = .changing(owner)
            return .begin
        case .changing(let other), .up(let other):
            let whose = other == owner ? "this connection's network is set up already" : RootDaemonMachine.inUse(other)
            return .refuse(RootFailure(.busy, whose))
        }
    }

    /// The set-up that was begun has ended.
    package mutating func setUpEnded(success: Bool) {
        guard case .changing(let owner) = state else { return }
        state = success ? .up(owner) : .idle
    }

    /// The owner asks for the end of its network.
    package mutating func tearDown(_ owner: RootOwner) -> OnEnd {
        switch state {
        case .up(owner):
            state = .idle
            return .undo
        case .up(let other), .changing(let other):
            return .refuse(RootFailure(.busy, RootDaemonMachine.inUse(other)))
        case .idle:
            return .nothing
        }
    }

    /// A link has gone.
    package mutating func lost(_ owner: RootOwner) -> OnEnd {
        guard case .up(owner) = state else { return .nothing }
        state = .idle
        return .undo
    }

    /// The daemon ends.
    package mutating func shutDown() -> OnEnd {
        guard case .up = state else { return .nothing }
        state = .idle
        return .undo
    }

    private static func inUse(_ owner: RootOwner) -> String {
        "the network is in use by the user daemon with process id \(owner.process)"
    }
}
