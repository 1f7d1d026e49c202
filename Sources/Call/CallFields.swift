/// Names and values of the header fields of a call.
package enum CallFields {
    /// Start of every call's `:path`.
    package static let pathPrefix = "/telepresence.v1."
    /// The `content-type` of requests and responses.
    package static let contentType = "application/vnd.telepresence.v1+tlv"
    static let timeout = "tp-timeout"
    static let status = "tp-status"
    static let message = "tp-message"
}
