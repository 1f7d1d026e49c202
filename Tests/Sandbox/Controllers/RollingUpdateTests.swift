import Testing

@testable import Sandbox

@Suite struct RollingUpdateTests {
    @Test(
        "percentages round up for surge and down for what may be missing, and both zero still moves",
        arguments: [
            (10, "25%", "25%", 3, 2), (1, "25%", "25%", 1, 0), (4, "0", "0", 0, 1), (3, "1", "100%", 1, 3),
            (2, "0%", "10%", 0, 1), (5, "junk", "-3", 0, 1),
        ] as [(Int, String, String, Int, Int)]
    )
    func limits(desired: Int, surge: String, unavailable: String, expectedSurge: Int, expectedUnavailable: Int) {
        let rules = RollingUpdate(desired: desired, surge: surge, unavailable: unavailable)
        #expect(rules.surge == expectedSurge && rules.unavailable == expectedUnavailable)
    }

    @Test("an update comes to its end without ever leaving its limits, whenever pods become ready", arguments: 0..<300)
    func converges(seed: Int) {
        var state = UInt64(seed) &* 6_364_136_223_846_793_005 &+ 1
        func random(_ bound: Int) -> Int {
            state = state &* 6_364_136_223_846_793_005 &+ 1_442_695_040_888_963_407
            return Int(state >> 33) % bound
        }
        let desired = random(9)
        let rules = RollingUpdate(desired: desired, surge: "\(random(4))", unavailable: "\(random(4))")
        typealias Replicas = RollingUpdate.Replicas
        var new = Replicas(wanted: 0, available: 0, present: 0)
        // Old pods serve, as before an update.
        let first = desired / 2
        var old = [first, desired - first].map { Replicas(wanted: $0, available: $0, present: $0) }
        for _ in 0..<200 {
            let step = rules.step(new: new, old: old)
            new.wanted = step.new
            for index in old.indices { old[index].wanted = step.old[index] }
            let total = new.wanted + old.map(\.wanted).reduce(0, +)
            #expect(total <= desired + rules.surge)
            // Pods that are too many go at once; new ones become ready one at a time, or not in this round.
            new.available = min(new.available, new.wanted)
            if new.available < new.wanted, random(2) == 0 { new.available += 1 }
            for index in old.indices { old[index].available = min(old[index].available, old[index].wanted) }
            let serving = new.available + old.map(\.available).reduce(0, +)
            #expect(serving >= desired - rules.unavailable)
        }
        #expect(new.wanted == desired && old.allSatisfy { $0.wanted == 0 })
    }

    @Test("old pods that do not serve are no obstacle")
    func broken() {
        let rules = RollingUpdate(desired: 4, surge: "0", unavailable: "1")
        let step = rules.step(
            new: RollingUpdate.Replicas(wanted: 0, available: 0, present: 0),
            old: [RollingUpdate.Replicas(wanted: 4, available: 3, present: 4)]
        )
        #expect(step.old == [3])
    }
}
