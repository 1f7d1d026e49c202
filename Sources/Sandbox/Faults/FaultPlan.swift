package import Cluster

/// What is to go wrong in a cluster, and how often.
///
/// As a file it is a JSON object with the same names.
package struct FaultPlan: Sendable, Equatable, CustomStringConvertible {
    /// Share of requests that are answered with 429.
    package var throttle = 0.0
    /// What those answers name as `Retry-After`, in seconds.
    package var retryAfter = 1
    /// Share of requests that fail with `errorCode`.
    package var errors = 0.0
    /// The status of those that fail.
    package var errorCode = 500
    /// What every request waits before it is answered, in milliseconds.
    package var delay = 0
    /// Whom throttling, errors and delay meet: users or programs (`User-Agent`) whose names begin so; all when empty.
    package var only: [String] = []
    /// Seconds after which a watch is cut; zero for never.
    package var watchSeconds = 0
    /// What bytes of port-forwards, `exec` and `attach` are held back, in milliseconds each way.
    package var forwardDelay = 0
    /// The longest life of tokens issued from now on, in seconds; zero for no such bound.
    package var tokenLifetime = 0
    /// Share of packets from and to pods that are lost; 1 cuts the pods off.
    package var podLoss = 0.0
    /// Which pods lose packets, as `NAMESPACE/NAME` or the beginning of it; all when empty.
    package var pods: [String] = []

    /// Ways of port-forwarding that are refused, as by a proxy that does not know them: names of ``forwardWays``.
    package var refusedWays: [String] = []
    /// Pods that no port-forward leads to, as `NAMESPACE/NAME` or the beginning of it.
    package var severed: [String] = []

    /// The ways of port-forwarding that there are.
    package static let forwardWays = ["v4.channel.k8s.io", "SPDY/3.1+portforward.k8s.io", "SPDY/3.1"]

    /// A plan in which nothing goes wrong.
    package init() {}

    /// Whether the API's requests are disturbed at all.
    var disturbsRequests: Bool { self.throttle > 0 || self.errors > 0 || self.delay > 0 }

    /// Whether no port-forward leads to a pod, given as `NAMESPACE/NAME`.
    func severs(_ pod: String) -> Bool { self.severed.contains { pod.hasPrefix($0) } }

    /// Reads a plan; what is missing is as in an empty one.
    package init(_ value: JSONValue) {
        self.throttle = value["throttle"]?.double ?? 0
        self.retryAfter = value["retryAfter"]?.int ?? 1
        self.errors = value["errors"]?.double ?? 0
        self.errorCode = value["errorCode"]?.int ?? 500
        self.delay = value["delay"]?.int ?? 0
        self.only = value["only"]?.stringArray ?? []
        self.watchSeconds = value["watchSeconds"]?.int ?? 0
        self.forwardDelay = value["forwardDelay"]?.int ?? 0
        self.tokenLifetime = value["tokenLifetime"]?.int ?? 0
        self.podLoss = value["podLoss"]?.double ?? 0
        self.pods = value["pods"]?.stringArray ?? []
        self.refusedWays = value["refusedWays"]?.stringArray ?? []
        self.severed = value["severed"]?.stringArray ?? []
    }

    /// As JSON text.
    package var description: String { self.value.text }

    /// As JSON.
    package var value: JSONValue {
        [
            "throttle": .number(self.throttle), "retryAfter": .integer(Int64(self.retryAfter)),
            "errors": .number(self.errors), "errorCode": .integer(Int64(self.errorCode)),
            "delay": .integer(Int64(self.delay)), "only": .array(self.only.map { .string($0) }),
            "watchSeconds": .integer(Int64(self.watchSeconds)),
            "forwardDelay": .integer(Int64(self.forwardDelay)), "tokenLifetime": .integer(Int64(self.tokenLifetime)),
            "podLoss": .number(self.podLoss), "pods": .array(self.pods.map { .string($0) }),
            "refusedWays": .array(self.refusedWays.map { .string($0) }),
            "severed": .array(self.severed.map { .string($0) }),
        ]
    }
}
