import Cluster
import Synchronization

/// Bearer tokens: static ones, and those of service accounts.
///
/// A service account's token looks like a JWT and says what a JWT would, but what makes it valid is that it stands in
/// this table: the last part is random, not a signature.
package final class TokenIssuer: Sendable {
    /// What a valid token proves.
    package struct Proof: Sendable {
        /// Who bears it.
        package let user: UserInfo
        /// For whom it was made.
        package let audiences: [String]
    }

    /// The audience of the API server itself.
    package static let apiAudience = "https://kubernetes.default.svc.cluster.local"

    private struct Bound: Sendable {
        let kind: ResourceKind
        let name: String
        let uid: String
    }

    private struct Entry: Sendable {
        let user: UserInfo
        let audiences: [String]
        var expires: Int64?
        let namespace: String
        /// The objects that have to exist for the token to be valid.
        let bound: [Bound]
    }

    private let store: ObjectStore
    private let entries = Mutex<[String: Entry]>([:])
    /// The longest life of a token, in seconds, when a fault bounds it.
    private let bound = Mutex<Int64?>(nil)

    init(store: ObjectStore) { self.store = store }

    /// Makes a fixed token known; `expires` is in seconds since 1970, nil for never.
    package func add(token: String, user: UserInfo, expires: Int64? = nil) {
        let entry = Entry(user: user, audiences: [Self.apiAudience], expires: expires, namespace: "", bound: [])
        self.entries.withLock { $0[token] = entry }
    }

    /// Makes a token for a service account; with a pod it is bound to that, and dies with it.
    ///
    /// `lifetime` is in seconds; no audience means the API server. 404 when account or pod do not exist.
    package func issue(
        serviceAccount: String,
        namespace: String,
        audiences: [String] = [],
        lifetime: Int64 = 3600,
        pod: String? = nil
    ) throws(StatusError) -> (token: String, expires: Int64) {
        let account = try self.store.get(.serviceAccounts, namespace: namespace, name: serviceAccount)
        var bound = [Bound(kind: .serviceAccounts, name: serviceAccount, uid: account.uid)]
        var extra: [String: [String]] = [:]
        let now = Timestamp.seconds()
        let expires = now + min(max(600, min(lifetime, 86400)), self.bound.withLock { $0 } ?? .max)
        let id = Identifiers.uid()
        let audiences = audiences.isEmpty ? [Self.apiAudience] : audiences
        extra["authentication.kubernetes.io/credential-id"] = ["JTI=\(id)"]
        var kubernetes: JSONValue = [
            "namespace": .string(namespace),
            "serviceaccount": ["name": .string(serviceAccount), "uid": .string(account.uid)],
        ]
        if let pod {
            let object = try self.store.get(.pods, namespace: namespace, name: pod)
            bound.append(Bound(kind: .pods, name: pod, uid: object.uid))
            extra["authentication.kubernetes.io/pod-name"] = [pod]
            extra["authentication.kubernetes.io/pod-uid"] = [object.uid]
            kubernetes["pod"] = ["name": .string(pod), "uid": .string(object.uid)]
            if let node = object.at("spec", "nodeName")?.string, !node.isEmpty {
                extra["authentication.kubernetes.io/node-name"] = [node]
                kubernetes["node"] = ["name": .string(node)]
            }
        }
        let name = "system:serviceaccount:\(namespace):\(serviceAccount)"
        let claims: JSONValue = [
            "aud": .array(audiences.map { .string($0) }), "exp": .integer(expires), "iat": .integer(now),
            "nbf": .integer(now), "iss": .string(Self.apiAudience), "jti": .string(id), "sub": .string(name),
            "kubernetes.io": kubernetes,
        ]
        let header: JSONValue = ["alg": "RS256", "kid": "sandbox"]
        var generator = SystemRandomNumberGenerator()
        let random = (0..<32).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        let token = [header.serialized(), claims.serialized(), random].map { Base64.encode($0, urlSafe: true) }
            .joined(separator: ".")
        let user = UserInfo(
            name: name,
            uid: account.uid,
            groups: ["system:serviceaccounts", "system:serviceaccounts:\(namespace)", "system:authenticated"],
            extra: extra
        )
        let entry = Entry(user: user, audiences: audiences, expires: expires, namespace: namespace, bound: bound)
        self.entries.withLock { entries in
            entries = entries.filter { ($0.value.expires ?? now) >= now - 3600 }
            entries[token] = entry
        }
        return (token, expires)
    }

    /// Bounds the life of tokens issued from now on, in seconds; nil ends the bound.
    package func bound(lifetime: Int64?) {
        self.bound.withLock { $0 = lifetime.map { max(1, $0) } }
    }

    /// The longest life of a token that is issued now, in seconds, if a fault bounds it.
    package var boundedLifetime: Int64? { self.bound.withLock { $0 } }

    /// Ends every token of a service account that was issued so far.
    package func expireAll() {
        let now = Timestamp.seconds()
        self.entries.withLock { entries in
            entries = entries.mapValues { entry in
                guard !entry.bound.isEmpty else { return entry }
                var ended = entry
                ended.expires = min(entry.expires ?? now, now)
                return ended
            }
        }
    }

    /// Checks a token for an audience (any of them); 401 says what is wrong with it.
    package func check(_ token: String, audiences: [String] = [apiAudience]) throws(StatusError) -> Proof {
        guard let entry = self.entries.withLock({ $0[token] }) else {
            throw .unauthorized("Unauthorized: the bearer token is not known to this cluster")
        }
        if let expires = entry.expires, expires <= Timestamp.seconds() {
            throw .unauthorized("Unauthorized: the bearer token has expired at \(Timestamp.text(seconds: expires))")
        }
        let shared = audiences.filter(entry.audiences.contains)
        guard !shared.isEmpty else {
            throw .unauthorized("Unauthorized: the bearer token was made for other audiences")
        }
        for bound in entry.bound {
            guard self.store.find(bound.kind, namespace: entry.namespace, name: bound.name)?.uid == bound.uid else {
                throw .unauthorized(
                    "Unauthorized: the \(bound.kind.singular) that the bearer token is bound to is gone"
                )
            }
        }
        var user = entry.user
        if !user.groups.contains("system:authenticated") { user.groups.append("system:authenticated") }
        return Proof(user: user, audiences: shared)
    }
}
