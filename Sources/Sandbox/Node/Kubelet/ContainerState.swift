import Cluster

/// What a container is doing, as its status shows it.
enum ContainerState: Sendable, Equatable {
    case waiting(reason: String, message: String)
    /// Seconds since 1970.
    case running(since: Int64)
    case terminated(Termination)

    /// How a run ended.
    struct Termination: Sendable, Equatable {
        var status: Int
        var signal: Int
        var reason: String
        var message: String
        var started: Int64
        var finished: Int64
        var id: String
    }

    /// As JSON.
    var value: JSONValue {
        switch self {
        case .waiting(let reason, let message):
            var waiting: JSONValue = ["reason": .string(reason)]
            if !message.isEmpty { waiting["message"] = .string(message) }
            return ["waiting": waiting]
        case .running(let since): return ["running": ["startedAt": .string(Timestamp.text(seconds: since))]]
        case .terminated(let end):
            var fields: JSONValue = [
                "exitCode": .integer(Int64(end.status)), "reason": .string(end.reason),
                "startedAt": .string(Timestamp.text(seconds: end.started)),
                "finishedAt": .string(Timestamp.text(seconds: end.finished)), "containerID": .string(end.id),
            ]
            if end.signal > 0 { fields["signal"] = .integer(Int64(end.signal)) }
            if !end.message.isEmpty { fields["message"] = .string(end.message) }
            return ["terminated": fields]
        }
    }
}
