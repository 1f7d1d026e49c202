import Cluster
import Testing

@Suite struct JSONValueTests {
    @Test(
        "texts are read as the values that they are",
        arguments: [
            ("null", JSONValue.null), ("true", true), (" false\n", false), ("0", 0), ("-12", -12), ("1.5", 1.5),
            ("1e3", .number(1000)), ("9223372036854775807", .integer(.max)),
            ("9223372036854775808", .number(9223372036854775808)), ("\"\"", ""), ("[]", []), ("{}", .emptyObject),
            ("[1, [2], {\"a\" : null}]", [1, [2], ["a": .null]]), (#""\u00e9\n\"\\\/""#, "é\n\"\\/"),
            (#""\ud83d\ude00""#, "😀"), (#"{"a":1,"a":2}"#, ["a": 2]),
        ] as [(String, JSONValue)]
    )
    func reads(text: String, value: JSONValue) throws {
        #expect(try JSONValue.parse(text) == value)
    }

    @Test(
        "wrong texts are refused, never trapped on",
        arguments: [
            "", " ", "nul", "tru", "[1,]", "[", "{\"a\"}", "{\"a\":}", "{a:1}", "01", "-", "1.", "1e", "\"", "\"\\x\"",
            "\"\\u12\"", "\"\\ud800\"", "\"\\ud800\\u0041\"", "\"\\udc00\"", "\"\u{1}\"", "1 2", "[1}", "1e999", "+1",
        ]
    )
    func refuses(text: String) {
        #expect(throws: JSONError.self) { try JSONValue.parse(text) }
    }

    @Test("bytes that are not UTF-8 are refused") func refusesWrongUTF8() {
        #expect(throws: JSONError.self) { try JSONValue.parse([0x22, 0xFF, 0x22]) }
        #expect(throws: JSONError.self) { try JSONValue.parse([0x22, 0xC0, 0x80, 0x22]) }
    }

    @Test("limits of depth and size hold") func limits() {
        let deep = String(repeating: "[", count: 100_000) + String(repeating: "]", count: 100_000)
        #expect(throws: JSONError.self) { try JSONValue.parse(deep) }
        #expect(throws: JSONError.self) { try JSONValue.parse("[1,2,3]", limits: JSONLimits(size: 6)) }
        #expect(throws: Never.self) { try JSONValue.parse("[[1]]", limits: JSONLimits(depth: 2)) }
        #expect(throws: JSONError.self) { try JSONValue.parse("[[[1]]]", limits: JSONLimits(depth: 2)) }
    }

    @Test("every prefix and every changed byte of a text ends in a value or an error") func mutations() throws {
        let text = [UInt8](#"{"a":[1,-2.5e3,"x\u00e9\ud83d\ude00",null,true],"b":{"c":{}}}"#.utf8)
        for end in 0..<text.count { #expect(throws: JSONError.self) { try JSONValue.parse(Array(text[..<end])) } }
        var generator = SystemRandomNumberGenerator()
        for _ in 0..<5000 {
            var changed = text
            changed[Int.random(in: 0..<text.count, using: &generator)] = UInt8.random(in: 0...255, using: &generator)
            if let value = try? JSONValue.parse(changed) { #expect(try JSONValue.parse(value.serialized()) == value) }
        }
    }

    @Test("writing sorts members and escapes what must be") func writes() throws {
        let value: JSONValue = ["b": [1, 2.5, true, .null], "a": "q\"\\\u{1}\n/é"]
        #expect(value.text == #"{"a":"q\"\\\u0001\n/é","b":[1,2.5,true,null]}"#)
        #expect(try JSONValue.parse(value.text) == value)
        #expect(JSONValue.number(1e300).text == "1e+300")
    }

    @Test("subscripts read and change members and elements") func subscripts() {
        var value: JSONValue = ["metadata": ["labels": ["app": "echo"]], "list": [1, 2]]
        #expect(value.at("metadata", "labels", "app")?.string == "echo")
        #expect(value.at("metadata", "nothing", "app") == nil)
        #expect(value["list"]?[1]?.int == 2)
        #expect(value["list"]?[2] == nil)
        value["list"]?[0] = 7
        value["metadata"]?["labels"]?["tier"] = "back"
        value["new"] = true
        value["metadata"]?["labels"]?["app"] = nil
        #expect(value == ["metadata": ["labels": ["tier": "back"]], "list": [7, 2], "new": true])
    }
}
