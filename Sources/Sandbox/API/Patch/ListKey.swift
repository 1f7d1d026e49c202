import Cluster

/// What tells an element of a list-map apart from its siblings.
struct ListKey: Hashable {
    /// Fields and their values, in the order of the schema.
    let values: [String: JSONValue]

    /// Reads the fields of an element; nil when none of them is there.
    ///
    /// An absent protocol is TCP.
    init?(_ element: JSONValue, _ keys: [String]) {
        var values: [String: JSONValue] = [:]
        for key in keys {
            if let value = element[key] {
                values[key] = value
            } else if key == "protocol" {
                values[key] = .string("TCP")
            } else {
                return nil
            }
        }
        self.values = values
    }

    init(values: [String: JSONValue]) { self.values = values }
}
