import Cluster
import TLS

/// Finds out who asks.
struct Authenticator: Sendable {
    let tokens: TokenIssuer
    let authorizer: Authorizer

    /// The user of a request; 401 for a bad token, 403 for an impersonation that is not permitted.
    func user(of request: APIRequest) throws(StatusError) -> UserInfo {
        try self.impersonated(request, by: try self.authenticated(request))
    }

    private func authenticated(_ request: APIRequest) throws(StatusError) -> UserInfo {
        if let peer = request.peer, let name = peer.commonName, !name.isEmpty {
            return UserInfo(name: name, groups: peer.organizations + ["system:authenticated"])
        }
        guard let header = request.header("authorization") else { return .anonymous }
        let parts = header.split(separator: " ", maxSplits: 1)
        guard parts.count == 2, parts[0].lowercased() == "bearer" else {
            throw .unauthorized("Unauthorized: the authorization header is not a bearer token")
        }
        return try self.tokens.check(String(parts[1].trimmed)).user
    }

    private func impersonated(_ request: APIRequest, by user: UserInfo) throws(StatusError) -> UserInfo {
        let groups = request.values("impersonate-group")
        guard let name = request.header("impersonate-user") else {
            guard groups.isEmpty, request.header("impersonate-uid") == nil else {
                throw .internalError("requested groups or uid without impersonating a user")
            }
            return user
        }
        func demand(_ resource: String, _ name: String) throws(StatusError) {
            let attributes = Authorizer.Attributes(verb: "impersonate", resource: resource, name: name)
            try self.authorizer.demand(user, attributes)
        }
        let account = name.suffix(after: "system:serviceaccount:")?.split(separator: ":").map(String.init)
        if let account, account.count == 2 {
            try self.authorizer.demand(
                user,
                Authorizer.Attributes(
                    verb: "impersonate",
                    resource: "serviceaccounts",
                    name: account[1],
                    namespace: account[0]
                )
            )
        } else {
            try demand("users", name)
        }
        for group in groups { try demand("groups", group) }
        var extra: [String: [String]] = [:]
        for (header, value) in request.headers {
            guard let key = header.suffix(after: "impersonate-extra-") else { continue }
            try demand("userextras/\(key)", value)
            extra[key, default: []].append(value)
        }
        var all = groups
        if let account, account.count == 2, groups.isEmpty {
            all = ["system:serviceaccounts", "system:serviceaccounts:\(account[0])"]
        }
        if name != "system:anonymous", !all.contains("system:authenticated") { all.append("system:authenticated") }
        return UserInfo(name: name, uid: request.header("impersonate-uid") ?? "", groups: all, extra: extra)
    }
}
