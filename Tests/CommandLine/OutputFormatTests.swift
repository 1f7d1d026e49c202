import Foundation
import Testing
import Yams

@testable import CommandLine

@Suite("Output formats") struct OutputFormatTests {
    private struct Sample: Codable, Equatable {
        var aName = "plain text"
        var truth = true
        var number = 42
        var looksLikeOther = [
            "true", "null", "1", "1.5", "", "~", "- a", "a: b", "# c", " edge ", "0x1f", "2026-01-02",
        ]
        var lines = "one\ntwo\n"
        var quotes = "\"it's\" \\ grün"
        var nothing: [String] = []
        var nested = [["k": "v"]]
    }

    @Test("YAML says the same as JSON, whatever the strings look like")
    func yaml() throws {
        let text = try OutputFormat.yaml.encode(Sample())
        let json = try JSONSerialization.jsonObject(with: Data(try OutputFormat.json.encode(Sample()).utf8))
        let read = try #require(try Yams.load(yaml: text) as? [String: Any])
        #expect(NSDictionary(dictionary: read) == json as? NSDictionary)
        #expect(read["truth"] as? Bool == true && read["number"] as? Int == 42)
        #expect(read["looks_like_other"] as? [String] == Sample().looksLikeOther)
        #expect(text.contains("a_name: plain text\n") && text.contains("nothing: []\n"))
    }

    @Test("what goes on is a line of JSON each, or a document of YAML each")
    func streams() throws {
        #expect(try OutputFormat.json.encodeNext(["a": 1]) == #"{"a":1}"#)
        #expect(try OutputFormat.jsonStream.encodeNext(["a": "b"]) == #"{"a":"b"}"#)
        let documents = try OutputFormat.yaml.encodeNext(["a": 1]) + OutputFormat.yaml.encodeNext(["a": 2])
        #expect(try Array(Yams.load_all(yaml: documents)).count == 2)
        #expect(documents == "---\na: 1\n---\na: 2\n")
    }
}
