import Actor
import Message
import Testing

@Suite struct RequestMatcherTests {
    private func matches(
        _ filter: TrafficFilter,
        _ path: String,
        _ headers: [(name: String, value: String)] = []
    ) throws -> Bool {
        try RequestMatcher(filter).matches(MemoryHead(path, headers))
    }

    @Test("All headers must be there, each with its value, among others of the name too")
    func headers() throws {
        let filter = TrafficFilter(headers: ["x-user": "ann", "x-team": "red"])
        #expect(try matches(filter, "/", [("x-user", "ann"), ("x-team", "red"), ("accept", "*/*")]))
        #expect(try matches(filter, "/", [("x-user", "bob"), ("x-team", "red"), ("x-user", "ann")]))
        #expect(try !matches(filter, "/", [("x-user", "ann")]))
        #expect(try !matches(filter, "/", [("x-user", "ann"), ("x-team", "redder")]))
        #expect(try !matches(filter, "/", []))
    }

    @Test(
        "A path is equal, begins with the prefix, or has a match of the regular expression",
        arguments: [
            (TrafficFilter.Path.equal("/a"), ["/a"], ["/a/", "/ab", "/", "/A"]),
            (.prefix("/a"), ["/a", "/ab", "/a/b"], ["/", "/b/a", "/A"]),
            (.prefix("/"), ["/", "/x"], ["*", ""]),
            (.regex("b+c"), ["/abbc/d", "/bc"], ["/", "/b/c", ""]),
            (.regex("^/v[0-9]+/"), ["/v1/x", "/v22/"], ["/v/", "/x/v1/", "/v1"]),
            (.regex("/end$"), ["/end", "/a/end"], ["/end/", "/end/x"]),
            (.regex("^$"), [""], ["/"]),
            (.regex("^/a|z$"), ["/a/b", "/x/z"], ["/b", "/z/b"]),
            (.regex("(?i)^/API"), ["/api/x", "/Api"], ["/x/api"]),
            (.regex("(a)(b)\\2\\1"), ["/abba"], ["/abab"]),
            (.regex("ä"), ["/ä"], ["/a"]),
        ] as [(TrafficFilter.Path, [String], [String])]
    )
    func paths(path: TrafficFilter.Path, yes: [String], no: [String]) throws {
        for text in yes { #expect(try matches(TrafficFilter(path: path), text), "\(path) and \(text)") }
        for text in no { #expect(try !matches(TrafficFilter(path: path), text), "\(path) and \(text)") }
    }

    @Test("Headers and path are both asked for")
    func both() throws {
        let filter = TrafficFilter(headers: ["a": "1"], path: .prefix("/x"))
        #expect(try matches(filter, "/x/1", [("a", "1")]))
        #expect(try !matches(filter, "/y", [("a", "1")]))
        #expect(try !matches(filter, "/x", [("a", "2")]))
    }

    @Test(
        "What cannot be a filter is refused, naming what is wrong",
        arguments: [
            (TrafficFilter(headers: ["X-User": "ann"]), "X-User"),
            (TrafficFilter(headers: [":path": "/"]), ":path"),
            (TrafficFilter(headers: ["": "1"]), "name"),
            (TrafficFilter(headers: ["a b": "1"]), "a b"),
            (TrafficFilter(headers: ["a": ""]), "header a"),
            (TrafficFilter(headers: ["a": "1\r\nb: 2"]), "header a"),
            (TrafficFilter(headers: ["a": " 1"]), "white space"),
            (TrafficFilter(path: .equal("x")), "must begin with /"),
            (TrafficFilter(path: .prefix("/a b")), "%20"),
            (TrafficFilter(path: .equal("/a?b=1")), "query"),
            (TrafficFilter(path: .regex("")), "1 to 1024"),
            (TrafficFilter(path: .regex("/a(b")), "position 5: missing closing parenthesis"),
            (TrafficFilter(path: .regex("/[z-a]")), "position 5"),
            (TrafficFilter(path: .regex("(*UTF)a")), "position"),
            (TrafficFilter(path: .regex("\\C")), "position"),
            (TrafficFilter(path: .regex(String(repeating: "a", count: 2000))), "2000"),
            (TrafficFilter(path: .regex("((a{1000}){1000}){1000}")), "too large"),
            // The end of the pattern would be part of the comment.
            (TrafficFilter(path: .regex("(?x)a # comment")), "cannot be used"),
        ] as [(TrafficFilter, String)]
    )
    func refuses(filter: TrafficFilter, words: String) {
        do {
            _ = try RequestMatcher(filter)
            Issue.record("\(filter) is taken")
        } catch {
            #expect(error.message.contains(words), "\(error.message)")
        }
    }

    @Test(
        "No pattern takes long, whatever the path: it does not match then",
        arguments: [
            "(a+)+$", "^(a|aa)+$", "(a*)*b", "^(?:a?){60}a{60}$", "(?:(?:a|b|ab)*)*c", ".*.*.*.*=.*", "(x|a(?R))+b",
        ]
    )
    func bounded(pattern: String) throws {
        let matcher = try RequestMatcher(TrafficFilter(path: .regex(pattern)))
        let head = MemoryHead("/" + String(repeating: "a", count: 8000) + "!")
        // Unbounded, most of these would not come back before the sun has burnt out.
        #expect(!matcher.matches(head))
    }

    @Test("Filters with more headers come first, and those by path alone last")
    func precedence() throws {
        let two = try RequestMatcher(TrafficFilter(headers: ["a": "1", "b": "2"]))
        let one = try RequestMatcher(TrafficFilter(headers: ["a": "1"], path: .equal("/x")))
        let path = try RequestMatcher(TrafficFilter(path: .equal("/x")))
        #expect(two.precedes(one) && one.precedes(path) && two.precedes(path))
        #expect(!one.precedes(two) && !path.precedes(one) && !one.precedes(one))
    }
}
