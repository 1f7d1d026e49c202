import Actor
import Cluster

/// What watches have told of a workload's pods; makes a picture of it.
///
/// Pure.
struct WorkloadPods: Sendable {
    /// Where a change comes from.
    enum Source: Sendable, Hashable, CaseIterable {
        /// The pods that the workload's selector chooses.
        case members
        /// Pods that are being replaced, of whatever workload.
        case replaced
        /// What its services' traffic goes to.
        case endpoints
        /// Warnings.
        case events
    }

    let workload: WorkloadKey
    /// The first list of these has not come yet.
    private var awaited: Set<Source>
    private var objects: [Source: [String: JSONValue]] = [:]
    /// Events that were there at the beginning, with their counts.
    private var oldEvents: [String: Int] = [:]
    private var podEvents: [String: String] = [:]
    private var problem = ""

    init(_ workload: WorkloadKey) {
        self.workload = workload
        awaited = Set(Source.allCases)
    }

    /// Takes a change.
    mutating func apply(_ change: ResourceChange, from source: Source) {
        switch change {
        case .all(let list):
            if source == .events { return takeEvents(list) }
            objects[source] = Dictionary(list.map { (Self.uid($0), $0) }) { _, new in new }
            awaited.remove(source)
        case .updated(let object):
            if source == .events { return takeEvent(object) }
            if source == .members, objects[source]?[Self.uid(object)] == nil { problem = "" }
            objects[source, default: [:]][Self.uid(object)] = object
        case .deleted(let object):
            if source != .events { objects[source]?[Self.uid(object)] = nil }
        case .interrupted: break
        }
    }

    /// A source cannot be had: the picture is made without it.
    mutating func giveUp(_ source: Source) { awaited.remove(source) }

    /// The workload at present; nil as long as not all is known.
    var picture: PodPicture? {
        guard awaited.isEmpty else { return nil }
        var serving: Set<String> = []
        for slice in (objects[.endpoints] ?? [:]).values {
            for endpoint in slice["endpoints"]?.array ?? []
            where endpoint.at("conditions", "ready")?.bool ?? true && endpoint.at("targetRef", "kind")?.string == "Pod"
            {
                if let uid = endpoint.at("targetRef", "uid")?.string { serving.insert(uid) }
            }
        }
        // A pod that both watches know is the newer of the two.
        let all = (objects[.members] ?? [:]).merging(objects[.replaced] ?? [:]) { one, other in
            Self.version(one) > Self.version(other) ? one : other
        }
        let pods = all.values.compactMap { facts(PodView($0), serving) }
        return PodPicture(pods: pods.sorted { $0.name < $1.name }, problem: problem)
    }

    private func facts(_ pod: PodView, _ serving: Set<String>) -> PodFacts? {
        guard !["Succeeded", "Failed"].contains(pod.phase) || pod.isTerminating else { return nil }
        let place: PodFacts.Place
        switch pod.labels[InjectionAnnotations.replaced] {
        case "released": place = .released
        case "retired": place = .retired
        default: place = .member
        }
        if place == .member {
            guard isOwn(pod) else { return nil }
        } else {
            guard pod.annotations[InjectionAnnotations.replacedOf] == Self.name(of: workload) else { return nil }
        }
        let trouble = pod.isReady ? nil : pod.trouble
        var text = trouble?.text ?? ""
        if let trouble, let event = podEvents[pod.uid], !trouble.text.contains(event) { text += " (\(event))" }
        if trouble == nil, !pod.isReady, let event = podEvents[pod.uid] { text = event }
        return PodFacts(
            name: pod.name,
            uid: pod.uid,
            ready: pod.isReady,
            terminating: pod.isTerminating,
            hasAgent: pod.hasAgent,
            replaced: InjectionAnnotations.replacedContainers(of: pod.object),
            place: place,
            serving: serving.contains(pod.uid),
            trouble: text,
            gravity: trouble.map { $0.isUnschedulable ? .unschedulable : .stuck } ?? .none
        )
    }

    private func isOwn(_ pod: PodView) -> Bool {
        switch workload.kind {
        case "Pod": pod.name == workload.name
        case "Deployment":
            pod.controller.map { $0.kind == "ReplicaSet" && $0.name.hasPrefix(workload.name + "-") } ?? false
        default: pod.controller.map { $0.kind == workload.kind && $0.name == workload.name } ?? false
        }
    }

    /// How annotations name a workload.
    static func name(of workload: WorkloadKey) -> String { "\(workload.kind.lowercased())/\(workload.name)" }

    private static func uid(_ object: JSONValue) -> String { object.at("metadata", "uid")?.string ?? "" }

    private static func version(_ object: JSONValue) -> UInt64 {
        object.at("metadata", "resourceVersion")?.string.flatMap { UInt64($0) } ?? 0
    }

    // MARK: events

    private mutating func takeEvents(_ list: [JSONValue]) {
        if awaited.remove(.events) != nil {
            // What was before is of no interest.
            for event in list { oldEvents[Self.uid(event)] = event["count"]?.int ?? 1 }
        } else {
            for event in list { takeEvent(event) }
        }
    }

    private mutating func takeEvent(_ event: JSONValue) {
        guard event["type"]?.string == "Warning", oldEvents[Self.uid(event)] != event["count"]?.int ?? 1,
            let message = event["message"]?.string, let name = event.at("involvedObject", "name")?.string,
            let kind = event.at("involvedObject", "kind")?.string
        else { return }
        if kind == "Pod" {
            // Probes that fail at first are no news.
            guard event["reason"]?.string != "Unhealthy", event["reason"]?.string != "BackOff",
                let uid = event.at("involvedObject", "uid")?.string
            else { return }
            podEvents[uid] = "\(event["reason"]?.string ?? ""): \(message)"
        } else if event["reason"]?.string == "FailedCreate" {
            let own =
                workload.kind == "Deployment"
                ? kind == "ReplicaSet" && name.hasPrefix(workload.name + "-")
                : kind == workload.kind && name == workload.name
            if own { problem = message }
        }
    }
}
