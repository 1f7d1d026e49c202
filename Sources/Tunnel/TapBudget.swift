/// How many bytes all copies of a process may keep together.
///
/// Confined to one loop. What a copy keeps is looked at when it gets more, so the sum may be too high; it is counted anew before
/// anybody is cut for it.
package final class TapBudget {
    private let limit: Int
    private var copies: [ObjectIdentifier: (copy: TapCopy, bytes: Int)] = [:]
    private var used = 0

    /// A budget of `limit` bytes.
    package init(_ limit: Int) { self.limit = limit }

    /// Whether a copy may keep `more` bytes.
    func allows(_ more: Int, for copy: TapCopy) -> Bool {
        let id = ObjectIdentifier(copy)
        let bytes = copy.heldBytes + more
        self.used += bytes - (self.copies[id]?.bytes ?? 0)
        self.copies[id] = (copy, bytes)
        guard self.used > self.limit else { return true }
        self.used = more
        for (id, entry) in self.copies {
            let bytes = entry.copy.heldBytes
            self.copies[id]?.bytes = bytes
            self.used += bytes
        }
        return self.used <= self.limit
    }

    /// A copy is over.
    func forget(_ copy: TapCopy) {
        self.used -= self.copies.removeValue(forKey: ObjectIdentifier(copy))?.bytes ?? 0
    }
}
