import Logging
import Message
import Testing

@testable import Host

@Suite struct LogStoreTests {
    private let store = LogStore(limit: 4096, echo: false)

    private func texts(_ request: LogRequest = LogRequest()) -> [String] { store.read(request).kept.map(\.text) }

    @Test("lines are kept with their metadata, sorted by name")
    func lines() {
        var logger = store.logger("test")
        logger[metadataKey: "b"] = "2"
        logger.info("hello", metadata: ["a": "1"])
        let line = store.read(LogRequest()).kept.last
        #expect(line?.text == "hello a=1 b=2")
        #expect(line?.level == "info")
        #expect(line?.label == "test")
    }

    @Test("old lines go when there is no room; the newest always stays")
    func bound() {
        for number in 0..<1000 { store.append(.info, label: "", "line \(number)") }
        #expect(texts().count < 60)
        #expect(texts().last == "line 999")
        store.append(.info, label: "", String(repeating: "x", count: 10_000))
        #expect(texts().count == 1)
    }

    @Test("the last lines, and those since a time, can be asked for")
    func selection() {
        for number in 0..<5 { store.append(.info, label: "", "\(number)") }
        #expect(texts(LogRequest(tail: 2)) == ["3", "4"])
        #expect(texts(LogRequest(sinceMilliseconds: 60_000)).count == 5)
    }

    @Test("a follower gets every line after those that were kept")
    func follow() async {
        store.append(.info, label: "", "before")
        let (kept, coming) = store.read(LogRequest(follow: true))
        #expect(kept.map(\.text) == ["before"])
        store.append(.info, label: "", "after")
        store.append(.info, label: "", "last")
        var seen: [String] = []
        if let coming {
            for await line in coming {
                seen.append(line.text)
                if seen.count == 2 { break }
            }
        }
        #expect(seen == ["after", "last"])
    }

    @Test("the level changes for all loggers, also for copies made before")
    func level() {
        let logger = store.logger("test")
        logger.debug("unseen")
        #expect(store.setLevel(.debug, for: nil) == .info)
        logger.debug("seen")
        #expect(texts() == ["seen"])
    }

    @Test("a level for some time is followed by the lasting one")
    func restore() async throws {
        let (_, coming) = store.read(LogRequest(follow: true))
        #expect(store.setLevel(.trace, for: .milliseconds(20)) == .info)
        #expect(store.currentLevel == .trace)
        let stream = try #require(coming)
        for await line in stream where line.text.hasPrefix("level restored") { break }
        #expect(store.currentLevel == .info)
    }

    @Test("a later change is not undone when the time of an earlier one is over")
    func overlap() async throws {
        store.setLevel(.trace, for: .milliseconds(10))
        store.setLevel(.debug, for: nil)
        // Longer than the first one lasts: had it been in force, it would have been undone by then.
        try await Task.sleep(for: .milliseconds(60))
        #expect(store.currentLevel == .debug)
        #expect(!texts().contains { $0.hasPrefix("level restored") })
    }

    @Test("warnings are kept as notes that count up")
    func notes() {
        store.append(.info, label: "", "fine")
        for number in 0..<40 { store.append(.warning, label: "", "\(number)") }
        #expect(store.notes.count == 32)
        #expect(store.notes.last?.sequence == 40)
        #expect(store.notes.last?.text == "39")
    }

    @Test(
        "secrets never get into a line",
        arguments: [
            ("Authorization: Bearer abc.def", "Authorization: Bearer <redacted>"),
            ("token eyJhbGciOi.eyJzdWIiOi.c2ln was refused", "token <redacted> was refused"),
            ("key -----BEGIN EC PRIVATE KEY-----\nMHcC", "key <redacted>"),
            ("two\nlines", "two lines"),
            ("nothing special: bearer", "nothing special: bearer"),
        ]
    )
    func secrets(text: String, clean: String) {
        store.append(.info, label: "", text)
        #expect(texts() == [clean])
    }

    @Test("metadata that is named for a secret is not written")
    func secretMetadata() {
        store.logger("test").info("joined", metadata: ["sessionSecret": "abc", "id": "1"])
        #expect(texts() == ["joined id=1 sessionSecret=<redacted>"])
    }

    @Test("a level that is none is refused with those that are")
    func badLevel() {
        #expect(throws: (any Error).self) { try store.apply(LogLevelRequest(level: "loud")) }
        #expect(store.currentLevel == .info)
    }
}
