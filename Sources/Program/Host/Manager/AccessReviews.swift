package import Cluster

/// The questions about participants that the API server answers.
package protocol AccessReviews: Sendable {
    /// Whose token it is; nil when it is nobody's.
    func review(token: String, audiences: [String]) async throws(APIError) -> APIUser?
    /// Whether somebody may do something.
    func isAllowed(_ user: APIUser, _ question: APIAccessQuestion) async throws(APIError) -> Bool
    /// The uid of a pod that has an agent in an ephemeral container which has not ended; nil where there is none.
    func ephemeralAgent(namespace: String, pod: String) async throws(APIError) -> String?
}

extension APIConnection: AccessReviews {
    package func ephemeralAgent(namespace: String, pod: String) async throws(APIError) -> String? {
        do throws(APIError) {
            let view = PodView(try await get(.pods, namespace: namespace, name: pod))
            return view.asksForEphemeralAgent ? view.uid : nil
        } catch {
            // Where the manager may not look it has put no agents either.
            if error.kind == .notFound || error.kind == .forbidden { return nil }
            throw error
        }
    }
}
