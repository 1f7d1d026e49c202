package import Cluster

/// The two questions about people that the API server answers.
package protocol AccessReviews: Sendable {
    /// Whose token it is; nil when it is nobody's.
    func review(token: String, audiences: [String]) async throws(APIError) -> APIUser?
    /// Whether somebody may do something.
    func isAllowed(_ user: APIUser, _ question: APIAccessQuestion) async throws(APIError) -> Bool
}

extension APIConnection: AccessReviews {}
