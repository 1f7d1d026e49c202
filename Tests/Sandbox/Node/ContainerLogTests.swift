import Foundation
import Kernel
import Testing

@testable import Sandbox

@Suite struct ContainerLogTests {
    /// Writes to a log as a container would, and waits until all of it has arrived.
    static func fill(_ log: ContainerLog, _ output: [String], error: [String] = []) async throws {
        let ends = try log.open().process
        for (end, texts) in [(ends[1], output), (ends[2], error)] {
            for text in texts {
                let bytes = Array(text.utf8)
                #expect(write(end.rawValue, bytes, bytes.count) == bytes.count)
            }
        }
        for end in ends { end.close() }
        for await _ in log.lines(tail: nil, since: nil, follow: true) {}
    }

    static func text(_ lines: AsyncStream<ContainerLog.Line>) async -> String {
        var bytes: [UInt8] = []
        for await line in lines { bytes += line.bytes }
        return String(decoding: bytes, as: UTF8.self)
    }

    @Test("lines are kept in order, also those that come in pieces or never end")
    func lines() async throws {
        let log = ContainerLog(path: nil)
        try await Self.fill(log, ["one\ntw", "o\nthree"], error: ["oops\n"])
        let text = await Self.text(log.lines(tail: nil, since: nil, follow: false))
        #expect(text.contains("one\ntwo\n") && text.contains("oops\n") && text.contains("three"))
        #expect(await Self.text(log.lines(tail: 0, since: nil, follow: false)).isEmpty)
        #expect(await Self.text(log.lines(tail: 1, since: nil, follow: true)).split(separator: "\n").count == 1)
        #expect(await Self.text(log.lines(tail: nil, since: .max, follow: false)).isEmpty)
        #expect(log.end(5).utf8.count == 5)
    }

    @Test("who follows sees what was and what comes, until the container has ended")
    func follow() async throws {
        let log = ContainerLog(path: nil)
        let ends = try log.open().process
        let bytes = Array("first\nsecond\n".utf8)
        _ = write(ends[1].rawValue, bytes, 6)
        var seen: [String] = []
        for await line in log.lines(tail: nil, since: nil, follow: true) {
            seen.append(String(decoding: line.bytes, as: UTF8.self))
            if seen.count == 1 {
                _ = bytes.withUnsafeBytes { write(ends[1].rawValue, $0.baseAddress.map { $0 + 6 }, 7) }
            } else {
                for end in ends { end.close() }
            }
        }
        #expect(seen == ["first\n", "second\n"])
    }

    @Test("memory is bounded: the oldest lines go, and a line without end is cut")
    func bound() async throws {
        let log = ContainerLog(path: nil)
        let block = String(repeating: String(repeating: "x", count: 1023) + "\n", count: 64)
        let ends = try log.open().process
        let writer = Task.detached {
            for _ in 0..<200 {
                _ = Array(block.utf8).withUnsafeBytes { write(ends[1].rawValue, $0.baseAddress, $0.count) }
            }
            let tail = Array((String(repeating: "y", count: 200_000) + "end\n").utf8)
            _ = tail.withUnsafeBytes { write(ends[1].rawValue, $0.baseAddress, $0.count) }
            for end in ends { end.close() }
        }
        await writer.value
        for await _ in log.lines(tail: 0, since: nil, follow: true) {}
        let text = await Self.text(log.lines(tail: nil, since: nil, follow: false))
        #expect(text.utf8.count <= ContainerLog.bound)
        #expect(text.hasSuffix("yend\n"))
    }

    @Test("the file is in the format of container runtimes")
    func file() async throws {
        let directory = NSTemporaryDirectory() + "log-\(UUID().uuidString)"
        defer { Files.removeTree(directory) }
        let log = ContainerLog(path: directory + "/a/0.log")
        try await Self.fill(log, ["hello\n"], error: ["oops\n"])
        let text = String(decoding: try #require(Files.read(directory + "/a/0.log")), as: UTF8.self)
        #expect(text.contains("Z stdout F hello\n") && text.contains("Z stderr F oops\n"))
        #expect(ContainerLog.text(1_767_225_600_000_000_007) == "2026-01-01T00:00:00.000000007Z")
    }
}
