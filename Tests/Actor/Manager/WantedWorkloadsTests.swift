import Actor
import Testing

@Suite struct WantedWorkloadsTests {
    private let start = ContinuousClock.now
    private let web = WorkloadKey(kind: "Deployment", name: "web", namespace: "default")
    private let api = WorkloadKey(kind: "Deployment", name: "api", namespace: "default")

    private func at(_ second: Int) -> ContinuousClock.Instant { start.advanced(by: .seconds(second)) }

    @Test("A workload is wanted while it is used, and for a while after; then it is forgotten")
    func life() {
        var wanted = WantedWorkloads(retention: .seconds(60))
        #expect(!wanted.contains(web))
        wanted.occupied(web)
        wanted.occupied(api)
        wanted.expire(now: at(1000))
        #expect(wanted.contains(web))
        wanted.vacated(web, now: at(1000))
        wanted.expire(now: at(1059))
        #expect(wanted.contains(web))
        wanted.expire(now: at(1060))
        #expect(!wanted.contains(web) && wanted.contains(api) && wanted.count == 1)
    }

    @Test("Scaled to nothing and back within the time, it is as if nothing had been; later its time begins anew")
    func again() {
        var wanted = WantedWorkloads(retention: .seconds(60))
        wanted.occupied(web)
        wanted.vacated(web, now: at(0))
        wanted.occupied(web)
        wanted.expire(now: at(100))
        #expect(wanted.contains(web))
        wanted.vacated(web, now: at(110))
        wanted.vacated(web, now: at(150))
        wanted.expire(now: at(169))
        #expect(wanted.contains(web))
        wanted.expire(now: at(170))
        #expect(wanted.count == 0)
        // What nobody has used is not wanted by its end.
        wanted.vacated(api, now: at(200))
        #expect(!wanted.contains(api))
    }
}
