package import Message

/// The life of the user daemon's connection.
///
/// Pure: inputs return what to do.
///
///     idle ──connect──► connecting ──opened──► connected ◄──resumed── reconnecting
///      ▲                    │                   │    └──────lost─────────►│
///      └──failed / quit─────┴───────quit────────┴────────quit─────────────┘
package struct ConnectionMachine: ~Copyable {
    private enum State {
        case idle
        case connecting(ConnectRequest)
        case connected(ConnectRequest, ConnectionInfo)
        case reconnecting(ConnectRequest, ConnectionInfo, Backoff)
    }

    private var state: State = .idle

    package init() {}

    /// What a `connect` leads to.
    package enum OnConnect: Equatable {
        /// Nothing is there: open a session.
        case open
        /// The same connection is there already.
        case already(ConnectionInfo)
        /// Refuse, for the reason given.
        case refuse(String)
    }

    package mutating func connect(_ request: ConnectRequest) -> OnConnect {
        switch state {
        case .idle:
            state = .connecting(request)
            return .open
        case .connecting:
            return .refuse("another connect is under way")
        case .connected(let present, let info), .reconnecting(let present, let info, _):
            guard Self.same(present, request) else {
                let mode = info.isolated ? " in isolated mode" : ""
                return .refuse(
                    "already connected to context \(info.context), namespace \(info.namespace)\(mode); "
                        + "run `telepresence quit` first, or give this connection a --name of its own"
                )
            }
            var answer = info
            answer.alreadyConnected = true
            return .already(answer)
        }
    }

    /// The session and the network are there.
    ///
    /// False where the user has quit meanwhile: undo both.
    package mutating func opened(_ info: ConnectionInfo) -> Bool {
        guard case .connecting(let request) = state else { return false }
        state = .connected(request, info)
        return true
    }

    /// Opening has failed.
    package mutating func failed() {
        guard case .connecting = state else { return }
        state = .idle
    }

    /// The link is gone: the request to open again with, or nil where there is nothing to do.
    package mutating func lost() -> ConnectRequest? {
        guard case .connected(let request, let info) = state else { return nil }
        state = .reconnecting(request, info, Backoff())
        return request
    }

    /// An attempt to reconnect has failed: how long to wait before the next one, or nil where the user has quit.
    ///
    /// - Parameter chance: from 0 up to but not 1, anew for each attempt: a thousand workstations do not come back at once.
    /// - Returns: about 250 ms at first, doubling up to about 5 s, as ``Backoff`` spreads it.
    package mutating func attemptFailed(_ chance: Double) -> Duration? {
        guard case .reconnecting(let request, let info, var backoff) = state else { return nil }
        let wait = backoff.next(chance)
        state = .reconnecting(request, info, backoff)
        return wait
    }

    /// The session is there again.
    ///
    /// False where the user has quit meanwhile.
    package mutating func resumed(_ change: (inout ConnectionInfo) -> Void) -> Bool {
        guard case .reconnecting(let request, var info, _) = state else { return false }
        change(&info)
        state = .connected(request, info)
        return true
    }

    /// Takes over a change of the cluster's facts.
    package mutating func update(_ change: (inout ConnectionInfo) -> Void) {
        switch state {
        case .connected(let request, var info):
            change(&info)
            state = .connected(request, info)
        case .reconnecting(let request, var info, let backoff):
            change(&info)
            state = .reconnecting(request, info, backoff)
        case .idle, .connecting: break
        }
    }

    /// The user quits, or the network has gone away for good.
    ///
    /// True where there was something.
    package mutating func quit() -> Bool {
        if case .idle = state { return false }
        state = .idle
        return true
    }

    /// The state's name as `status` shows it.
    package var name: String {
        switch state {
        case .idle: "disconnected"
        case .connecting: "connecting"
        case .connected: "connected"
        case .reconnecting: "reconnecting"
        }
    }

    /// What is known of the connection, if there is one.
    package var info: ConnectionInfo? {
        switch state {
        case .idle, .connecting: nil
        case .connected(_, let info), .reconnecting(_, let info, _): info
        }
    }

    /// Whether two requests mean the same connection; the environment is carried along for exec plugins only.
    private static func same(_ one: ConnectRequest, _ other: ConnectRequest) -> Bool {
        var one = one
        var other = other
        one.environment = [:]
        other.environment = [:]
        return one == other
    }
}
