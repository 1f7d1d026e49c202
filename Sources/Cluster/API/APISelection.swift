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

    var query: [(name: String, value: String)] {
        var query: [(name: String, value: String)] = []
        if !labels.isEmpty { query.append((name: "labelSelector", value: labels)) }
        if !fields.isEmpty { query.append((name: "fieldSelector", value: fields)) }
        return query
    }
}
