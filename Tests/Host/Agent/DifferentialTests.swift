import Foundation
import NIOCore
import TestSupport
import Testing

@testable import Host

/// The same bytes are said to the app itself, and to a gate that has a filter for about half of the requests.
@Suite(.ownThreads, .timeLimit(.minutes(5))) struct DifferentialTests {
    /// Connections, and requests of each: 10,000 requests.
    private static let connections = 500
    private static let requests = 20

    @Test("10,000 requests are answered with and without the agent in the same bytes but for who answers")
    func requests() async throws {
        let app = try PythonServer(DifferentialServer.script, "app")
        let local = try PythonServer(DifferentialServer.script, "usr")
        let scene = try await GateScene(appPort: app.port, workstationPort: local.port, sniffTime: .seconds(60))
        try await scene.set { $0.header = ("x-user", "me") }
        let (appPort, port) = (app.port, scene.port)
        let marks = try await withThrowingTaskGroup(of: [String].self) { group in
            for part in 0..<4 {
                group.addTask {
                    var marks: [String] = []
                    for number in stride(from: part, to: Self.connections, by: 4) {
                        try Task.checkCancellation()
                        marks += try Self.compare(number, appPort, port)
                    }
                    return marks
                }
            }
            return try await group.reduce(into: []) { $0 += $1 }
        }
        #expect(marks.count == Self.connections * Self.requests)
        let share = Double(marks.count { $0.hasPrefix("usr") }) / Double(marks.count)
        #expect((0.4...0.6).contains(share), "the workstation has answered \(share) of them")
        await scene.close()
        withExtendedLifetime((app, local)) {}
    }

    /// Says one connection's words to both; who has answered behind the gate.
    private static func compare(_ number: Int, _ appPort: Int, _ port: Int) throws -> [String] {
        let seed = UInt64(number)
        let plan = DifferentialPlan(seed: seed, first: number * requests, count: requests)
        let direct = try talk(plan, number, appPort, isDirect: true)
        let behind = try talk(plan, number, port, isDirect: false)
        let found = marks(behind)
        #expect(found == plan.marks, "connection \(number)")
        let same = replacing(behind)
        if same.count != direct.count || memcmp(same, direct, same.count) != 0 {
            let place = zip(same, direct).prefix { $0 == $1 }.count
            let (one, other) = (same.dropFirst(max(0, place - 200)), direct.dropFirst(max(0, place - 200)))
            Issue.record(
                """
                connection \(number) differs at byte \(place) of \(direct.count):
                \(String(decoding: one.prefix(500), as: UTF8.self).debugDescription)
                \(String(decoding: other.prefix(500), as: UTF8.self).debugDescription)
                """
            )
        }
        return found
    }

    /// All that is answered on one connection; directly it is the app who answers everything.
    ///
    /// - Throws: ``Silence`` where an answer does not come in time.
    private static func talk(_ plan: DifferentialPlan, _ number: Int, _ port: Int, isDirect: Bool) throws -> [UInt8] {
        var plan = plan
        let deadline = ContinuousClock.now + .seconds(25)
        let client = try GateClient(port)
        var answer: [UInt8] = []
        func read(_ awaited: String?) throws {
            let text = awaited.map { isDirect ? $0.replacing("usr:", with: "app:") : $0 }
            guard client.read(into: &answer, until: text.map { Array($0.utf8) }, before: deadline) else {
                throw Silence(
                    connection: number,
                    isDirect: isDirect,
                    awaited: text ?? "the end",
                    tail: String(decoding: answer.suffix(300), as: UTF8.self)
                )
            }
        }
        for step in plan.steps {
            for piece in plan.pieces(step.text) {
                guard client.send(piece) else { break }
            }
            if let awaited = step.awaited { try read(awaited) }
        }
        client.end()
        try read(nil)
        return answer
    }

    /// A connection, by its seed, on which an answer did not come.
    private struct Silence: Error {
        let connection: Int
        let isDirect: Bool
        let awaited: String
        /// What came last.
        let tail: String
    }

    /// The values of the fields that say who answers.
    private static func marks(_ answer: [UInt8]) -> [String] {
        places("X-Id: ", answer).map { place in
            String(decoding: answer[(place + 6)...].prefix { $0 != 13 }, as: UTF8.self)
        }
    }

    /// The app's name where the workstation's was.
    private static func replacing(_ answer: [UInt8]) -> [UInt8] {
        var replaced = answer
        for place in places("usr:", answer) { replaced.replaceSubrange(place..<place + 3, with: Array("app".utf8)) }
        return replaced
    }

    /// Where a text begins.
    ///
    /// By the C library: collections compare byte by byte, which a build without optimisation does not do in a second.
    private static func places(_ text: String, _ bytes: [UInt8]) -> [Int] {
        let text = Array(text.utf8)
        var places: [Int] = []
        bytes.withUnsafeBytes { bytes in
            guard let base = bytes.baseAddress else { return }
            var from = 0
            while let found = memchr(base + from, Int32(text[0]), bytes.count - from) {
                let place = UnsafeRawPointer(found) - base
                from = place + 1
                if bytes.count - place >= text.count, memcmp(found, text, text.count) == 0 { places.append(place) }
            }
        }
        return places
    }
}
