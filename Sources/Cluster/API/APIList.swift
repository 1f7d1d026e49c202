/// All objects of a kind at one moment.
package struct APIList: Sendable {
    package var items: [JSONValue]
    /// The version to watch from.
    package var resourceVersion: String

    package init(items: [JSONValue], resourceVersion: String) {
        self.items = items
        self.resourceVersion = resourceVersion
    }
}
