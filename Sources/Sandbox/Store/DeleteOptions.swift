package import Cluster

/// How an object is to be deleted.
package struct DeleteOptions: Sendable {
    /// What becomes of the objects that it owns.
    package enum Propagation: String, Sendable {
        case orphan = "Orphan"
        case background = "Background"
        case foreground = "Foreground"
    }

    /// Seconds that a pod has to end; nil for its own period, 0 for at once.
    package var gracePeriod: Int64?
    /// Only if the object has this uid.
    package var uid: String?
    /// Only if the object has this resourceVersion.
    package var resourceVersion: String?
    /// What becomes of dependents; nil is background.
    package var propagation: Propagation?
    /// Answer as if, but change nothing.
    package var dryRun: Bool

    /// Options by hand.
    package init(
        gracePeriod: Int64? = nil,
        uid: String? = nil,
        resourceVersion: String? = nil,
        propagation: Propagation? = nil,
        dryRun: Bool = false
    ) {
        self.gracePeriod = gracePeriod
        self.uid = uid
        self.resourceVersion = resourceVersion
        self.propagation = propagation
        self.dryRun = dryRun
    }

    /// Reads a `DeleteOptions` body.
    package init(_ body: JSONValue?) throws(StatusError) {
        self.init(
            gracePeriod: body?.at("gracePeriodSeconds")?.integer,
            uid: body?.at("preconditions", "uid")?.string,
            resourceVersion: body?.at("preconditions", "resourceVersion")?.string,
            dryRun: !(body?.at("dryRun")?.array ?? []).isEmpty
        )
        if let text = body?.at("propagationPolicy")?.string {
            guard let propagation = Propagation(rawValue: text) else {
                throw .badRequest("invalid propagationPolicy \"\(text)\"")
            }
            self.propagation = propagation
        } else if let orphan = body?.at("orphanDependents")?.bool {
            self.propagation = orphan ? .orphan : .background
        }
    }
}
