import Testing

@testable import HTTPFilter

@Suite struct ProtocolGuessTests {
    @Test(
        "the first bytes tell the protocol, as early as they can",
        arguments: [
            ("", ProtocolGuess.undecided), ("G", .undecided), ("GET", .undecided), ("GET ", .http1), ("GET /x", .http1),
            ("M-SEARCH *", .http1), ("P", .undecided), ("PR", .undecided), ("PROPFIND ", .http1), ("PRI ", .undecided),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r", .undecided), ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", .http2),
            ("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\nmore", .http2), ("PRI * HTTP/2.1", .other), ("PRI /", .other),
            ("PUT ", .http1), ("\u{16}\u{3}\u{1}", .other), ("*1\r\n", .other), ("EHLO\r\n", .other),
            (" GET /", .other),
            ("\r\nGET /", .other), (String(repeating: "A", count: 32), .undecided),
            (String(repeating: "A", count: 33), .other),
        ]
    )
    func guess(text: String, expected: ProtocolGuess) {
        #expect(Array(text.utf8).withUnsafeBytes { ProtocolGuess($0) } == expected)
    }
}
