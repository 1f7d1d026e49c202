import Cluster

/// The conditions in an object's status.
enum Conditions {
    /// Sets one condition; its moments change only with what it says.
    static func set(
        _ conditions: [JSONValue],
        _ type: String,
        _ status: Bool,
        _ reason: String,
        _ message: String,
        updated: Bool = true
    ) -> [JSONValue] {
        let now = JSONValue.string(Timestamp.now())
        let text: JSONValue = status ? "True" : "False"
        var conditions = conditions
        let index = conditions.firstIndex { $0["type"]?.string == type }
        let old = index.map { conditions[$0] }
        var condition: JSONValue = [
            "type": .string(type), "status": text, "reason": .string(reason), "message": .string(message),
        ]
        let same = old?["status"] == text && old?["reason"]?.string == reason && old?["message"]?.string == message
        condition["lastTransitionTime"] = old?["status"] == text ? old?["lastTransitionTime"] ?? now : now
        if updated { condition["lastUpdateTime"] = same ? old?["lastUpdateTime"] ?? now : now }
        if let index { conditions[index] = condition } else { conditions.append(condition) }
        return conditions
    }
}
