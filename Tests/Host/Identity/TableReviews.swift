import Cluster
import Synchronization

@testable import Host

/// The API server's answers from a table, counted.
final class TableReviews: AccessReviews {
    struct Token: Hashable {
        let text: String
        let audiences: [String]
    }

    private struct State {
        var tokens: [Token: APIUser]
        var rights: Set<String>
        var failure: APIError?
        var questions = 0
        var users: [APIUser] = []
        var ephemeralAgents: [String: String] = [:]
    }

    private let state: Mutex<State>

    /// Rights are written `user verb resource/subresource namespace`.
    init(tokens: [Token: APIUser] = [:], rights: Set<String> = []) {
        state = Mutex(State(tokens: tokens, rights: rights))
    }

    var questions: Int { state.withLock { $0.questions } }

    /// The users whose rights were asked for, in order.
    var users: [APIUser] { state.withLock { $0.users } }

    /// Makes a token known.
    func know(_ token: String, _ user: APIUser) {
        state.withLock { $0.tokens[Token(text: token, audiences: [])] = user }
    }

    func fail(_ error: APIError?) { state.withLock { $0.failure = error } }

    func allow(_ rights: Set<String>) { state.withLock { $0.rights = rights } }

    func revoke(_ token: String) {
        state.withLock { state in state.tokens = state.tokens.filter { $0.key.text != token } }
    }

    func review(token: String, audiences: [String]) async throws(APIError) -> APIUser? {
        let (failure, user) = state.withLock { state in
            state.questions += 1
            return (state.failure, state.tokens[Token(text: token, audiences: audiences)])
        }
        if let failure { throw failure }
        return user
    }

    /// A pod has an agent in an ephemeral container.
    func putAgent(into pod: String, uid: String) { state.withLock { $0.ephemeralAgents[pod] = uid } }

    func ephemeralAgent(namespace: String, pod: String) async throws(APIError) -> String? {
        let (failure, uid) = state.withLock { ($0.failure, $0.ephemeralAgents["\(namespace)/\(pod)"]) }
        if let failure { throw failure }
        return uid
    }

    func isAllowed(_ user: APIUser, _ question: APIAccessQuestion) async throws(APIError) -> Bool {
        let target = question.subresource.isEmpty ? question.resource : "\(question.resource)/\(question.subresource)"
        let right = "\(user.name) \(question.verb) \(target) \(question.namespace)"
        let (failure, allowed) = state.withLock { state in
            state.questions += 1
            state.users.append(user)
            return (state.failure, state.rights.contains(right))
        }
        if let failure { throw failure }
        return allowed
    }
}
