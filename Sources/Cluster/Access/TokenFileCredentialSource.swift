internal import Synchronization

/// A bearer token in a file that others rotate (the kubelet does): read again after ``lifetime``, and after a refusal.
package final class TokenFileCredentialSource: CredentialSource {
    private struct Cached {
        var token: String
        var readAt: ContinuousClock.Instant
    }

    /// How long a token that was read is used.
    private static let lifetime = Duration.seconds(30)

    private let path: String
    /// Certificate and key that go with the token, where a user has both.
    private let base: Credential
    private let cache = Mutex<Cached?>(nil)

    package init(path: String, base: Credential = .anonymous) {
        self.path = path
        self.base = base
    }

    package var canRefresh: Bool { true }

    package func credential(afterRefusal: Bool) async throws(CredentialError) -> Credential {
        let now = ContinuousClock.now
        var credential = base
        let cached = cache.withLock { $0 }
        if let cached, !afterRefusal, now - cached.readAt < Self.lifetime {
            credential.token = cached.token
            return credential
        }
        guard let data = FileContents.read(path) else {
            throw CredentialError(description: "the token file \(path) cannot be read; make sure that it exists")
        }
        guard let token = Self.token(in: data) else {
            throw CredentialError(description: "the token file \(path) holds no token")
        }
        cache.withLock { $0 = Cached(token: token, readAt: now) }
        credential.token = token
        return credential
    }

    private static func token(in data: [UInt8]) -> String? {
        let text = String(decoding: data, as: UTF8.self)
        let token = text.drop(while: \.isWhitespace).prefix(while: { !$0.isWhitespace })
        return token.isEmpty || token.utf8.count > 1 << 16 ? nil : String(token)
    }
}
