import Cluster
import Testing

@testable import Sandbox

@Suite struct SelectorTests {
    @Test(
        "label selectors read the query's form",
        arguments: [
            ("a=1", true), ("a==1", true), ("a!=1", false), ("a", true), ("!a", false), ("!c", true),
            ("a in (1,2),b notin (3)", true), ("a in (2, 3)", false), ("b", false), ("", true), ("c!=x", true),
        ]
    ) func query(_ text: String, _ matches: Bool) throws {
        #expect(try LabelSelector(query: text).matches(["a": "1"]) == matches)
    }

    @Test("a malformed query is 400", arguments: ["a in 1", "=x", "a b", "(x)"]) func malformed(_ text: String) {
        let error = #expect(throws: StatusError.self) { _ = try LabelSelector(query: text) }
        #expect(error?.code == 400)
    }

    @Test("an absent selector selects nothing, an empty one everything") func edges() {
        #expect(!LabelSelector(nil as JSONValue?).matches(["a": "1"]))
        #expect(LabelSelector([:] as JSONValue).matches(["a": "1"]))
        #expect(!LabelSelector(map: [:]).matches(["a": "1"]))
        let expression: JSONValue = ["matchExpressions": [["key": "a", "operator": "NotIn", "values": ["1"]]]]
        #expect(!LabelSelector(expression).matches(["a": "1"]))
        #expect(LabelSelector(expression).matches([:]))
    }

    @Test("field selectors take the fields that the kind has") func fields() throws {
        let pod: JSONValue = ["metadata": ["name": "p"], "status": ["phase": "Running"]]
        let running = try FieldSelector(query: "status.phase=Running,spec.nodeName!=n", kind: .pods)
        #expect(running.matches(pod))
        #expect(throws: StatusError.self) { _ = try FieldSelector(query: "spec.image=x", kind: .pods) }
    }

    @Test(
        "moments are written and read as RFC 3339",
        arguments: [
            (0, "1970-01-01T00:00:00Z"), (951_782_400, "2000-02-29T00:00:00Z"), (1_795_392_000, "2026-11-23T00:00:00Z"),
            (4_107_542_399, "2100-02-28T23:59:59Z"),
        ]
    )
    func moments(_ seconds: Int64, _ text: String) {
        #expect(Timestamp.text(seconds: seconds) == text)
        #expect(Timestamp.parse(text) == seconds)
    }

    @Test(
        "ages are told as kubectl tells them",
        arguments: [
            (5, "5s"), (119, "119s"), (120, "2m"), (312, "5m12s"), (3600, "60m"), (11000, "3h3m"), (90000, "25h"),
            (200_000, "2d7h"), (864_000, "10d"),
        ]
    )
    func ages(_ seconds: Int64, _ text: String) { #expect(Age.text(seconds) == text) }
}
