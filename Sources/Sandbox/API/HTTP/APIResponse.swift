import Cluster
import NIOCore

/// One answer, whatever version of HTTP takes it.
struct APIResponse: Sendable {
    /// What follows the head.
    enum Body: Sendable {
        case bytes([UInt8])
        /// Pieces as they come; each is sent at once.
        case stream(AsyncStream<ByteBuffer>)
    }

    /// HTTP status.
    let status: Int
    /// Names in lower case; without content-length, which the connection adds.
    var headers: [(name: String, value: String)]
    let body: Body

    /// An answer by hand.
    init(status: Int = 200, contentType: String, body: Body) {
        self.status = status
        self.headers = [("content-type", contentType)]
        self.body = body
    }

    /// A JSON answer.
    init(status: Int = 200, json: JSONValue, contentType: String = "application/json") {
        self.init(status: status, contentType: contentType, body: .bytes(json.serialized() + [10]))
    }

    /// A text.
    init(status: Int = 200, text: String) {
        self.init(status: status, contentType: "text/plain; charset=utf-8", body: .bytes([UInt8](text.utf8)))
    }

    /// A refusal.
    init(_ error: StatusError) {
        self.init(status: error.code, json: error.body)
        if let seconds = error.retryAfter { self.headers.append(("retry-after", "\(seconds)")) }
        if error.code == 401 { self.headers.append(("www-authenticate", "Bearer realm=\"sandbox\"")) }
    }
}
