/// One line of a watch.
package enum WatchEvent: Sendable, Hashable {
    case added(JSONValue)
    case modified(JSONValue)
    case deleted(JSONValue)
    /// Nothing changed up to this version.
    case bookmark(resourceVersion: String)
    /// The watch has failed; a Status object.
    case error(JSONValue)

    /// Reads a line; nil for what is no event, or of a type that we do not know.
    package init?(json: JSONValue) {
        guard let object = json["object"] else { return nil }
        switch json["type"]?.string {
        case "ADDED": self = .added(object)
        case "MODIFIED": self = .modified(object)
        case "DELETED": self = .deleted(object)
        case "BOOKMARK":
            guard let version = object.at("metadata", "resourceVersion")?.string else { return nil }
            self = .bookmark(resourceVersion: version)
        case "ERROR": self = .error(object)
        default: return nil
        }
    }

    /// The version to resume from after this event.
    package var resourceVersion: String? {
        switch self {
        case .added(let object), .modified(let object), .deleted(let object):
            object.at("metadata", "resourceVersion")?.string
        case .bookmark(let version): version
        case .error: nil
        }
    }
}
