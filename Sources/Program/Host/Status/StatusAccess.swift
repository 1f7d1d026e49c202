package import Call
package import Message

/// Who may ask a component, and who answers in its place: each component has its own.
package protocol StatusAccess: Sendable {
    /// What the caller sees of this component's state.
    func viewer(_ context: CallContext) async throws(CallStatus) -> StatusViewer

    /// Whether the caller may read the log and change the level here; throws if not.
    func mayOperate(_ context: CallContext) async throws(CallStatus)

    /// Where a call for another component goes on; nil when it is for this one.
    ///
    /// - Throws: `notFound` or `unavailable` where there is no way to it, `permissionDenied`, `invalidArgument`.
    func onward(
        to target: StatusTarget,
        _ purpose: StatusPurpose,
        _ context: CallContext
    ) async throws(CallStatus) -> StatusOnward?

    /// The level was changed here: tells those behind this component; returns how many.
    func spread(_ request: LogLevelRequest) async -> UInt32
}

/// What somebody wants of another component.
package enum StatusPurpose: Sendable {
    case state, log, level
}

/// The next component on the way of a call.
package struct StatusOnward: Sendable {
    /// Calls it.
    package let client: CallClient
    /// Whom it is to ask; empty when it is the one.
    package let target: String

    package init(_ client: CallClient, target: StatusTarget) {
        self.client = client
        self.target = target.text
    }
}

/// That of a daemon on a Unix socket which only its owner can open, with nobody behind it.
package struct OwnersAccess: StatusAccess {
    private let own: StatusTarget

    /// `own` is the name that the component has itself.
    package init(_ own: StatusTarget) {
        self.own = own
    }

    package func viewer(_ context: CallContext) async throws(CallStatus) -> StatusViewer { .owner }
    package func mayOperate(_ context: CallContext) async throws(CallStatus) {}
    package func spread(_ request: LogLevelRequest) async -> UInt32 { 0 }

    package func onward(
        to target: StatusTarget,
        _ purpose: StatusPurpose,
        _ context: CallContext
    ) async throws(CallStatus) -> StatusOnward? {
        guard target == .own || target == own else {
            throw CallStatus(.notFound, "\(target.text) cannot be reached from here")
        }
        return nil
    }
}
