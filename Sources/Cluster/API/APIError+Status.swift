extension APIError {
    /// Reads an answer that is no success.
    ///
    /// - Parameters:
    ///   - status: the HTTP status.
    ///   - body: a `Status` object, mostly; plain text from proxies.
    ///   - retryAfter: the header of that name.
    ///   - action: what was asked, such as `list pods in namespace "default"`.
    ///   - access: server and user, for the words.
    package init(status: Int, body: [UInt8], retryAfter: String?, action: String, access: ClusterAccess) {
        let json = try? JSONValue.parse(body)
        self.init(
            status: status,
            object: json?["kind"]?.string == "Status" ? json : nil,
            text: json == nil ? String(decoding: body.prefix(300), as: UTF8.self) : nil,
            retryAfter: retryAfter,
            action: action,
            access: access
        )
    }

    /// Reads a `Status` object, as answers and watch events of type ERROR carry it.
    package init(
        status: Int,
        object: JSONValue?,
        text: String? = nil,
        retryAfter: String? = nil,
        action: String,
        access: ClusterAccess
    ) {
        let reason = object?["reason"]?.string
        let words = (object?["message"]?.string ?? text ?? "").trimmedOfSpace
        let kind: Kind
        switch status {
        case 401: kind = .unauthorized
        case 403: kind = .forbidden
        case 404: kind = .notFound
        case 408, 504: kind = .timedOut
        case 409: kind = reason == "AlreadyExists" ? .alreadyExists : .conflict
        case 410: kind = .gone
        case 429: kind = .tooManyRequests
        case 400..<500: kind = .invalid
        default: kind = .serverFailure
        }
        let server = access.endpoint.url
        let said = words.isEmpty ? "" : ": \(words)"
        let message: String
        switch kind {
        case .unauthorized:
            message =
                "the credentials of \(access.identity) were refused by \(server); they may have expired: "
                + "log in again or correct the kubeconfig"
        case .forbidden:
            // The server's words name user, verb and resource already.
            message =
                words.isEmpty
                ? "\(access.identity) may not \(action) on \(server)"
                : "not allowed: \(words); ask the cluster's administrator for this permission"
        case .timedOut: message = "\(server) gave up: \(action)\(said)"
        case .tooManyRequests: message = "\(action) is refused for now by \(server)\(said)"
        case .serverFailure: message = "\(action) failed on \(server) (HTTP \(status))\(said)"
        default: message = words.isEmpty ? "\(action) failed on \(server) (HTTP \(status))" : "\(action): \(words)"
        }
        self.init(
            kind: kind,
            status: status,
            reason: reason,
            message: message,
            retryAfterSeconds: retryAfter.flatMap { Int($0) } ?? object?.at("details", "retryAfterSeconds")?.int
        )
    }
}

extension String {
    /// Without white space at both ends.
    var trimmedOfSpace: String {
        var text = Substring(self)
        while text.first?.isWhitespace == true { text = text.dropFirst() }
        while text.last?.isWhitespace == true { text = text.dropLast() }
        return String(text)
    }
}
