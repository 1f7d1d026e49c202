package import HTTP2

/// What a handler may know besides the request.
package struct CallContext: Sendable {
    /// The link that the call came by.
    package let link: Link
    /// How much time the caller has given, when the call came; nil without limit.
    package let timeout: Duration?
}
