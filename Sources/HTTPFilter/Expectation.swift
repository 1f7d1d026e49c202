/// What must be known of a request to understand its response.
package struct Expectation: Sendable, Equatable {
    /// A HEAD request: its response has no body, whatever it says.
    package let isHead: Bool
    /// A CONNECT request: what follows a positive response is no HTTP.
    package let isConnect: Bool
    /// The request asks for another protocol: what follows the response may be no HTTP.
    package let asksUpgrade: Bool

    /// Whether the request may be sent once more where no answer came (RFC 9110, 9.2.2).
    package let isRepeatable: Bool

    /// Whether it depends on the response how the bytes behind the request are to be understood.
    package var maySwitch: Bool { isConnect || asksUpgrade }

    init(_ facts: HeadFacts) {
        isHead = facts.method == .head
        isConnect = facts.method == .connect
        asksUpgrade = facts.asksUpgrade
        isRepeatable = facts.method == .head || facts.method == .idempotent
    }
}
