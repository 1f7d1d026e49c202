/// What a head says that matters for finding the end of its message, and for whom it is meant.
struct HeadFacts {
    /// Methods with rules of their own.
    enum Method { case head, connect, other }

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

    /// Takes a Content-Length; false where it is not one number, or the second one.
    mutating func take(length text: UnsafeRawBufferPointer) -> Bool {
        guard length == nil, !text.isEmpty, text.count <= 18 else { return false }
        var value = 0
        for byte in text {
            guard byte >= 0x30, byte <= 0x39 else { return false }
            value = value * 10 + Int(byte - 0x30)
        }
        length = value
        return true
    }

    /// Takes a Transfer-Encoding; false where it is the second one, or names `chunked` elsewhere than at its end.
    mutating func take(encoding text: UnsafeRawBufferPointer) -> Bool {
        guard coding == .absent, !text.isEmpty else { return false }
        var isGood = true
        text.forEachElement { element in
            if coding == .chunked { isGood = false }
            coding = element.matches("chunked") ? .chunked : .other
            return isGood
        }
        return isGood
    }

    /// Whether everybody understands the body's length in the same way.
    func isConsistent(_ kind: HeadMachine.Kind) -> Bool {
        if coding != .absent, length != nil || isOld { return false }
        guard kind == .request else { return true }
        if coding == .other { return false }
        return method != .connect || (length == nil && coding == .absent)
    }
}
