/// Reads what all objects have.
///
/// Views only read: the object itself keeps every field.
package protocol ObjectView: Sendable {
    /// The whole object.
    var object: JSONValue { get }
}

extension ObjectView {
    package var name: String { object.at("metadata", "name")?.string ?? "" }
    package var namespace: String { object.at("metadata", "namespace")?.string ?? "" }
    package var uid: String { object.at("metadata", "uid")?.string ?? "" }
    package var labels: [String: String] { object.at("metadata", "labels")?.stringMap ?? [:] }
    package var annotations: [String: String] { object.at("metadata", "annotations")?.stringMap ?? [:] }
    /// Whether deletion has begun.
    package var isTerminating: Bool { object.at("metadata", "deletionTimestamp")?.string != nil }

    /// The owner that controls this object: kind, name and uid.
    package var controller: (kind: String, name: String, uid: String)? {
        let owners = object.at("metadata", "ownerReferences")?.array ?? []
        guard let owner = owners.first(where: { $0["controller"]?.bool == true }),
            let kind = owner["kind"]?.string, let name = owner["name"]?.string
        else { return nil }
        return (kind, name, owner["uid"]?.string ?? "")
    }
}
