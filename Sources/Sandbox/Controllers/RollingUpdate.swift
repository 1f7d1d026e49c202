/// How far each ReplicaSet of a Deployment may go in one step of a rolling update.
///
/// Pure; follows the Deployment controller.
struct RollingUpdate: Equatable, Sendable {
    /// A ReplicaSet's numbers.
    struct Replicas: Equatable, Sendable {
        /// What it is asked for.
        var wanted: Int
        /// What it has that is available.
        var available: Int
        /// What it has at all.
        var present: Int
    }

    var desired: Int
    var surge: Int
    var unavailable: Int

    /// Reads numbers or percentages; both zero would never move, so one may be missing then.
    init(desired: Int, surge: String, unavailable: String) {
        let desired = max(0, min(desired, 1_000_000))
        self.desired = desired
        self.surge = Self.resolve(surge, of: desired, up: true)
        self.unavailable = Self.resolve(unavailable, of: desired, up: false)
        if self.surge == 0, self.unavailable == 0 { self.unavailable = 1 }
        self.unavailable = min(self.unavailable, desired)
    }

    private static func resolve(_ text: String, of whole: Int, up: Bool) -> Int {
        guard text.last == "%", let percent = Int(text.dropLast()) else {
            return max(0, min(Int(text) ?? 0, 1_000_000))
        }
        return (max(0, min(percent, 10_000)) * whole + (up ? 99 : 0)) / 100
    }

    /// What the new ReplicaSet and the old ones (oldest first) are to be asked for next.
    func step(new: Replicas, old: [Replicas]) -> (new: Int, old: [Int]) {
        var wanted = new.wanted
        var rest = old.map(\.wanted)
        let total = new.wanted + rest.reduce(0, +)
        if new.wanted > self.desired {
            wanted = self.desired
        } else if new.wanted < self.desired {
            wanted = new.wanted + max(0, min(self.desired - new.wanted, self.desired + self.surge - total))
        }
        // What the new one lacks counts as missing already.
        var spare = total - (self.desired - self.unavailable) - max(0, new.wanted - new.available)
        // First those that do not serve anyway.
        for index in old.indices where spare > 0 {
            let dead = min(spare, max(0, rest[index] - old[index].available))
            rest[index] -= dead
            spare -= dead
        }
        let serving = new.available + old.map(\.available).reduce(0, +)
        var removable = min(serving - (self.desired - self.unavailable), rest.reduce(0, +))
        for index in old.indices where removable > 0 {
            let gone = min(removable, rest[index])
            rest[index] -= gone
            removable -= gone
        }
        return (wanted, rest)
    }
}
