import Message

extension AttachmentMachine {
    /// What is told to somebody whose attachment is in the way of another: whose that is, where they meet, and what helps.
    static func refusal(
        of attachment: Attachment,
        _ clash: TrafficClaim.Clash,
        _ workload: WorkloadKey,
        _ other: Attachment
    ) -> ManagerFailure {
        let place: String
        var canBeShared = false
        switch clash {
        case .port(let port):
            place = "port \(port.number)\(port.transport == .udp ? "/UDP" : "") of \(workload)"
            canBeShared = [attachment, other].allSatisfy { $0.spec.kind == .intercept } && port.transport != .udp
        case .container(let name): place = "container \(name) of \(workload)"
        }
        var text = "\(place) is already \(other.spec.kind.past) by \(other.owner) as \(other.spec.name)"
        if case .container = clash, other.spec.kind == .intercept {
            text += ", on port \(other.ports.map { "\($0.containerPort)" }.joined(separator: " and port "))"
        }
        if canBeShared || other.spec.hasFilter {
            text += ", for \(other.spec.filterWords ?? "all requests")"
        }
        if canBeShared { text += "; yours is for \(attachment.spec.filterWords ?? "all requests")" }
        let isOwn = attachment.sessionID == other.sessionID
        var remedies = [isOwn ? "run `telepresence leave \(other.spec.name)` first" : "ask them to leave it"]
        if !isOwn {
            remedies.append("have an administrator run `telepresence revoke \(other.owner):\(other.spec.name)`")
        }
        if canBeShared { remedies.insert(Self.sharing(attachment.spec, other.spec, isOwn), at: 0) }
        return ManagerFailure(.conflict, "\(text). What helps: \(remedies.joined(separator: ", or "))")
    }

    /// How two intercepts of one port can be there at once.
    private static func sharing(_ mine: AttachmentSpec, _ theirs: AttachmentSpec, _ isOwn: Bool) -> String {
        switch (mine.hasFilter, theirs.hasFilter) {
        case (_, false): "intercept with --http-header NAME=VALUE \(isOwn ? "in both" : "both of you")"
        case (false, true): "choose which requests are yours with --http-header NAME=VALUE"
        case (true, true):
            mine.headers.isEmpty
                ? "choose another path, or --http-header NAME=VALUE"
                : "choose another value of a header that both have, or another path"
        }
    }
}
