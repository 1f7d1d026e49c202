/// What a head says that matters for finding the end of its message, and for whom it is meant.
struct HeadFacts {
    /// Methods with rules of their own.
    enum Method {
        case head, connect
        /// One that may be asked for twice with the effect of once (RFC 9110, 9.2.2).
        case idempotent
        case other
    }

    /// How the body's length is told, if there is a body.
    enum Coding { case absent, chunked, other }

    var method = Method.other
    /// Where the request's target stands in the head.
    var target = 0..<0
    /// Where the first field stands in the head.
    var fieldsStart = 0
    var status = 0
    /// HTTP/1.0.
    var isOld = false
    var length: Int?
    var coding = Coding.absent
    var asksUpgrade = false
    /// What the head says of the connection's future.
    private var saysClose = false
    private var saysKeepAlive = false

    /// Whether the connection ends behind this message (RFC 9112, 9.3).
    var isLast: Bool { saysClose || isOld && !saysKeepAlive }

    /// Takes a Connection.
    mutating func take(connection text: UnsafeRawBufferPointer) {
        text.forEachElement { element in
            if element.matches("close") { saysClose = true }
            if element.matches("keep-alive") { saysKeepAlive = true }
            return true
        }
    }

    /// Takes a Content-Length; false where it is not one number, or another one than before.
    ///
    /// RFC 9110, 8.6, permits a response to say the same twice; in a request it is not worth the doubt.
    mutating func take(length text: UnsafeRawBufferPointer, _ kind: HeadMachine.Kind) -> Bool {
        guard length == nil || kind == .response, !text.isEmpty, text.count <= 18 else { return false }
        var value = 0
        for byte in text {
            guard byte >= 0x30, byte <= 0x39 else { return false }
            value = value * 10 + Int(byte - 0x30)
        }
        guard length == nil || length == value else { return false }
        length = value
        return true
    }

    /// Takes a Transfer-Encoding; false where it is the second one, names nothing, or `chunked` elsewhere than at its end.
    mutating func take(encoding text: UnsafeRawBufferPointer) -> Bool {
        guard coding == .absent, !text.isEmpty else { return false }
        var isGood = true
        text.forEachElement { element in
            if coding == .chunked || element.isEmpty { isGood = false }
            coding = element.matches("chunked") ? .chunked : .other
            return isGood
        }
        return isGood
    }

    /// Whether everybody understands the body's length in the same way.
    ///
    /// Of a response only the client is asked, and it knows which of two counts (RFC 9112, 6.3).
    func isConsistent(_ kind: HeadMachine.Kind) -> Bool {
        guard kind == .request else { return coding == .absent || !isOld }
        if coding != .absent, length != nil || isOld { return false }
        if coding == .other { return false }
        return method != .connect || (length == nil && coding == .absent)
    }
}
