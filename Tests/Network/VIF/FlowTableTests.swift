import Testing

@testable import Network

@Suite("The flow table")
struct FlowTableTests {
    @Test("It agrees with a dictionary through a long random life")
    func model() {
        var generator = SeededGenerator(seed: 11)
        var table = FlowTable(limit: 4000, seed: 42)
        var model: [FlowKey: UInt32] = [:]
        let keys = (0..<3000).map { PacketRewriterTests.randomKey($0 % 3 == 0 ? 6 : 4, &generator) }
        for _ in 0..<100_000 {
            let key = keys[Int.random(in: 0..<keys.count, using: &generator)]
            if let index = model[key] {
                guard table.find(key) == index, table.entries[Int(index)].key == key else {
                    Issue.record("lost \(key)")
                    return
                }
                if Bool.random(using: &generator) {
                    table.remove(index)
                    model[key] = nil
                }
            } else {
                guard table.find(key) == nil, let index = table.insert(key, initialSequence: 1) else {
                    Issue.record("found or refused \(key)")
                    return
                }
                guard !model.values.contains(index) || model.count > 600 else {
                    Issue.record("index \(index) is in use")
                    return
                }
                model[key] = index
            }
        }
        expect(Int(table.count) == model.count)
        for (key, index) in model { expect(table.find(key) == index) }
    }

    @Test("A full table refuses")
    func full() throws {
        var generator = SeededGenerator(seed: 12)
        var table = FlowTable(limit: 3)
        for _ in 0..<3 {
            #expect(table.insert(PacketRewriterTests.randomKey(4, &generator), initialSequence: 1) != nil)
        }
        #expect(table.insert(PacketRewriterTests.randomKey(4, &generator), initialSequence: 1) == nil)
    }

    @Test("What has finished is forgotten after a minute, after a reset sooner")
    func lingering() throws {
        var generator = SeededGenerator(seed: 13)
        var table = FlowTable()
        let one = PacketRewriterTests.randomKey(4, &generator)
        let two = PacketRewriterTests.randomKey(4, &generator)
        let first = try inserted(&table, one, 1)
        let second = try inserted(&table, two, 1)
        table.linger(first, now: 100, afterReset: false)
        table.linger(second, now: 100, afterReset: true)
        table.expire(now: 105)
        expect(table.find(one) == first && table.find(two) == nil)
        table.expire(now: 159)
        expect(table.find(one) == first)
        table.expire(now: 160)
        expect(table.find(one) == nil && table.count == 0)
    }

    @Test("A detached entry is found by index only, and does not harm its successor")
    func detached() throws {
        var generator = SeededGenerator(seed: 14)
        var table = FlowTable()
        let key = PacketRewriterTests.randomKey(6, &generator)
        let old = try inserted(&table, key, 1)
        table.detach(old, now: 0)
        expect(table.find(key) == nil && table.isLive(old))
        let new = try inserted(&table, key, 2)
        table.expire(now: 60)
        expect(table.find(key) == new && !table.isLive(old))
    }
}

/// The table cannot be copied, which the macros would have to.
private func inserted(_ table: inout FlowTable, _ key: FlowKey, _ sequence: UInt32) throws -> UInt32 {
    let index = table.insert(key, initialSequence: sequence)
    return try #require(index)
}

private func expect(_ condition: Bool, _ location: SourceLocation = #_sourceLocation) {
    #expect(condition, sourceLocation: location)
}
