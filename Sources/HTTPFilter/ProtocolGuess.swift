/// What the first bytes of a connection look like.
package enum ProtocolGuess: Equatable, Sendable {
    /// So far it could be HTTP.
    case undecided
    /// A method and a blank.
    case http1
    /// The preface of HTTP/2 with prior knowledge (RFC 9113, 3.4).
    case http2
    /// Anything else.
    case other

    /// How long the preface is.
    package static let prefaceLength = 24
    /// The longest method that is taken for one.
    private static let methodLimit = 32

    /// Looks at all that has come.
    package init(_ bytes: UnsafeRawBufferPointer) {
        let preface: StaticString = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"
        let common = preface.withUTF8Buffer { preface in
            zip(bytes, preface).prefix { $0 == $1 }.count
        }
        // Nobody else has a method PRI (RFC 9113, 11.6).
        if common >= 4 || common == bytes.count {
            self = common == Self.prefaceLength ? .http2 : common == bytes.count ? .undecided : .other
            return
        }
        for (index, byte) in bytes.prefix(Self.methodLimit + 1).enumerated() where !ByteClass.isToken(byte) {
            // RFC 9112, 2.2: an empty line before the first request is not worth the trouble.
            self = index > 0 && byte == ByteClass.space ? .http1 : .other
            return
        }
        self = bytes.count > Self.methodLimit ? .other : .undecided
    }
}
