import ArgumentParser
import Message
import Testing

@testable import CommandLine

@Suite("What list --watch tells") struct WorkloadWatchTests {
    private func output(_ name: String, ready: UInt32 = 1) -> WorkloadOutput {
        WorkloadOutput(Workload(kind: "Deployment", name: name, namespace: "default", agentState: "none", ready: ready))
    }

    @Test("First everything, then what is different alone")
    func changes() {
        var watch = WorkloadWatch()
        #expect(watch.changes(to: [output("a"), output("b")]).map(\.change) == ["added", "added"])
        #expect(watch.isFirst)
        #expect(watch.changes(to: [output("a"), output("b")]) == [])
        #expect(!watch.isFirst)
        let told = watch.changes(to: [output("b", ready: 0), output("c")])
        #expect(told.map(\.change) == ["removed", "modified", "added"])
        #expect(told.map(\.workload.name) == ["a", "b", "c"])
    }

    @Test(
        "The kinds of attachments choose, and several of them add up",
        arguments: [
            ([], 5), (["-i"], 1), (["-g"], 1), (["-r"], 1), (["-t"], 1), (["-i", "--wiretaps"], 2), (["-a"], 4),
            (["--ingests", "--replacements", "--agents"], 2),
        ]
    )
    func filters(words: [String], count: Int) throws {
        let command = try ListCommand.parse(words)
        let kinds: [AttachmentKind?] = [.intercept, .ingest, .replace, .wiretap, nil]
        let workloads = kinds.map { kind in
            Workload(
                name: "w",
                agentState: kind == nil ? "none" : "installed",
                attachments: kind.map { [Message.Attachment(spec: AttachmentSpec(kind: $0))] } ?? []
            )
        }
        #expect(workloads.count { command.isWanted($0) } == count)
    }
}
