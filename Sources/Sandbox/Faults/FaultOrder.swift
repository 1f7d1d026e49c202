package import Cluster

/// What `sandbox fault` asks of a running sandbox: the plan from now on, and what is to happen once.
package struct FaultOrder: Sendable, Equatable {
    /// What happens once, when the order comes.
    package enum Action: String, Sendable, CaseIterable {
        /// Every open watch ends.
        case cutWatches
        /// Every token of a service account that was issued so far is valid no more; pods get new ones.
        case expireTokens
        /// The API server's connections end, and it listens again a little later.
        case restartAPI
    }

    /// Tells orders apart.
    package var number: Int64
    package var plan: FaultPlan
    package var actions: [Action] = []
    /// How long the API server is away, in milliseconds.
    package var downtime = 0

    /// An order with no actions.
    package init(number: Int64, plan: FaultPlan) {
        self.number = number
        self.plan = plan
    }

    /// Reads an order.
    package init(_ value: JSONValue) {
        self.number = value["number"]?.integer ?? 0
        self.plan = FaultPlan(value["plan"] ?? .emptyObject)
        self.actions = (value["actions"]?.stringArray ?? []).compactMap(Action.init)
        self.downtime = value["downtime"]?.int ?? 0
    }

    /// As JSON.
    package var value: JSONValue {
        [
            "number": .integer(self.number), "plan": self.plan.value,
            "actions": .array(self.actions.map { .string($0.rawValue) }), "downtime": .integer(Int64(self.downtime)),
        ]
    }
}
