import Testing

@testable import Actor

@Suite struct DirectWaysTests {
    @Test("the newest good link is taken, an older one when it is lost, none when all are")
    func newest() {
        var ways = DirectWays<Int>()
        #expect(ways.preferred(for: "s") == nil)
        ways.admitted(1, of: "s")
        ways.admitted(2, of: "s")
        ways.admitted(3, of: "t")
        #expect(ways.preferred(for: "s") == 2)
        #expect(ways.preferred(for: "t") == 3)
        ways.lost(2)
        #expect(ways.preferred(for: "s") == 1)
        ways.lost(1)
        ways.lost(1)
        #expect(ways.preferred(for: "s") == nil)
        #expect(ways.sessions == ["t"])
    }

    @Test("a link that does not answer is passed over until a probe is answered")
    func doubt() {
        var ways = DirectWays<Int>()
        ways.admitted(1, of: "s")
        ways.admitted(2, of: "s")
        #expect(ways.unanswered(2) == true)
        // The probe is under way already.
        #expect(ways.unanswered(2) == false)
        #expect(ways.preferred(for: "s") == 1)
        #expect(ways.unanswered(1) == true)
        #expect(ways.preferred(for: "s") == nil)
        #expect(ways.probed(2, answered: false) == true)
        #expect(ways.preferred(for: "s") == nil)
        #expect(ways.probed(2, answered: true) == false)
        #expect(ways.preferred(for: "s") == 2)
        ways.lost(1)
        // Nobody probes what is gone.
        #expect(ways.probed(1, answered: false) == false)
        #expect(ways.unanswered(1) == false)
    }

    @Test("links of sessions that have nothing here any more are left, no others")
    func tidied() {
        var ways = DirectWays<Int>()
        ways.admitted(1, of: "s")
        ways.admitted(2, of: "s")
        ways.admitted(3, of: "t")
        let left = ways.keep(only: ["t", "u"])
        #expect(left.sorted() == [1, 2])
        #expect(ways.preferred(for: "s") == nil)
        #expect(ways.preferred(for: "t") == 3)
        #expect(ways.keep(only: ["t"]) == [])
    }
}
