/// A pod as the cluster tells of it, whatever becomes of it.
package struct SeenPod: Sendable, Hashable {
    /// Where a pod is, and under which name: not which one it is.
    package struct Place: Sendable, Hashable {
        package let namespace: String
        package let name: String

        package init(namespace: String, name: String) {
            self.namespace = namespace
            self.name = name
        }
    }

    package let place: Place
    /// What no other pod has, not even one that comes later under the same name.
    package let uid: String
    /// IPv4 and IPv6; empty as long as it has none.
    package let addresses: [String]
    /// It is being deleted: what runs in it is about to end.
    package let isLeaving: Bool
    /// All of its containers have ended, for good.
    package let isOver: Bool

    package init(
        place: Place,
        uid: String,
        addresses: [String] = [],
        isLeaving: Bool = false,
        isOver: Bool = false
    ) {
        self.place = place
        self.uid = uid
        self.addresses = addresses
        self.isLeaving = isLeaving
        self.isOver = isOver
    }
}
