import Cluster
import Testing

@Suite struct JSONPatchTests {
    struct Case: Sendable, CustomTestStringConvertible {
        let value: JSONValue
        let patch: JSONValue
        let result: JSONValue?
        var testDescription: String { patch.text }
    }

    @Test(
        "operations do what RFC 6902 says",
        arguments: [
            Case(value: ["a": 1], patch: [["op": "add", "path": "/b", "value": 2]], result: ["a": 1, "b": 2]),
            Case(value: ["a": [1, 3]], patch: [["op": "add", "path": "/a/1", "value": 2]], result: ["a": [1, 2, 3]]),
            Case(value: ["a": [1]], patch: [["op": "add", "path": "/a/-", "value": 2]], result: ["a": [1, 2]]),
            Case(value: ["a": [1]], patch: [["op": "add", "path": "/a/2", "value": 2]], result: nil),
            Case(value: ["a": 1], patch: [["op": "add", "path": "/b/c", "value": 2]], result: nil),
            Case(
                value: ["a/b": ["~": 1]],
                patch: [["op": "replace", "path": "/a~1b/~0", "value": 2]],
                result: ["a/b": ["~": 2]]
            ),
            Case(value: ["a": 1], patch: [["op": "replace", "path": "/b", "value": 2]], result: nil),
            Case(value: ["a": 1], patch: [["op": "remove", "path": "/a"]], result: .emptyObject),
            Case(value: ["a": [1, 2]], patch: [["op": "remove", "path": "/a/0"]], result: ["a": [2]]),
            Case(value: ["a": [1, 2]], patch: [["op": "remove", "path": "/a/01"]], result: nil),
            Case(value: ["a": 1], patch: [["op": "move", "from": "/a", "path": "/b"]], result: ["b": 1]),
            Case(value: ["a": 1], patch: [["op": "copy", "from": "/a", "path": "/b"]], result: ["a": 1, "b": 1]),
            Case(value: ["a": 1], patch: [["op": "test", "path": "/a", "value": 1]], result: ["a": 1]),
            Case(value: ["a": 1], patch: [["op": "test", "path": "/a", "value": 2]], result: nil),
            Case(value: ["a": 1], patch: [["op": "replace", "path": "", "value": 2]], result: 2),
            Case(value: ["a": 1], patch: [["op": "spoil", "path": "/a"]], result: nil),
            Case(value: ["a": 1], patch: [["op": "remove", "path": "a"]], result: nil),
        ]
    )
    func applies(example: Case) throws {
        let outcome = try? JSONPatch(json: example.patch).applied(to: example.value)
        #expect(outcome == example.result)
        if let patch = try? JSONPatch(json: example.patch) { #expect(patch.json == example.patch) }
    }

    @Test("a merge patch removes by null and merges objects") func merge() {
        let value: JSONValue = ["a": ["b": 1, "c": 2], "d": [1, 2]]
        let merged = value.merged(with: ["a": ["b": .null, "e": 3], "d": [9]])
        #expect(merged == ["a": ["c": 2, "e": 3], "d": [9]])
    }
}
