/// Which objects of a kind are meant.
package struct APISelection: Sendable, Hashable {
    /// Such as `app=echo,tier!=front`; empty means all.
    package var labels: String
    /// Such as `metadata.name=traffic-manager`; empty means all.
    package var fields: String

    package init(labels: String = "", fields: String = "") {
        self.labels = labels
        self.fields = fields
    }

    /// The objects that carry all of these labels.
    package init(matching labels: [String: String]) {
        self.labels = labels.sorted { $0.key < $1.key }.map { "\($0.key)=\($0.value)" }.joined(separator: ",")
        fields = ""
    }

    /// The objects that an object's `spec.selector` chooses; nil when it says nothing that could be asked for.
    ///
    /// - Parameter selector: a LabelSelector: `matchLabels` and `matchExpressions`.
    package init?(selector: JSONValue?) {
        var terms = (selector?["matchLabels"]?.stringMap ?? [:]).sorted { $0.key < $1.key }.map {
            "\($0.key)=\($0.value)"
        }
        for expression in selector?["matchExpressions"]?.array ?? [] {
            guard let key = expression["key"]?.string else { return nil }
            let values = (expression["values"]?.stringArray ?? []).joined(separator: ",")
            switch expression["operator"]?.string {
            case "In": terms.append("\(key) in (\(values))")
            case "NotIn": terms.append("\(key) notin (\(values))")
            case "Exists": terms.append(key)
            case "DoesNotExist": terms.append("!\(key)")
            default: return nil
            }
        }
        guard !terms.isEmpty else { return nil }
        self.init(labels: terms.joined(separator: ","))
    }

    var query: [(name: String, value: String)] {
        var query: [(name: String, value: String)] = []
        if !labels.isEmpty { query.append((name: "labelSelector", value: labels)) }
        if !fields.isEmpty { query.append((name: "fieldSelector", value: fields)) }
        return query
    }
}
