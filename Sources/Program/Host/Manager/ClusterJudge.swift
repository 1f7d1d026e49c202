package import Actor
import Cluster
package import Logging
import TLS

/// Says who a participant is and what it may do, by asking the API server: TokenReview and SubjectAccessReview.
///
/// Answers are believed for a few seconds, so that a burst of requests is one question. Every decision leaves a line in the
/// audit log: `decision` is `allowed`, `refused`, or `tolerated` where the mode lets through what would be refused.
package final class ClusterJudge: AccessJudge {
    private struct Right: Hashable, Sendable {
        let user: APIUser
        let question: APIAccessQuestion
    }

    private let reviews: any AccessReviews
    private let mode: AuthenticationMode
    /// The manager's own.
    private let namespace: String
    private let audit: Logger
    private let users: ReviewCache<Fingerprint, APIUser>
    private let rights: ReviewCache<Right, Bool>

    /// Makes a judge.
    ///
    /// - Parameters:
    ///   - reviews: the API server.
    ///   - mode: how strict it is.
    ///   - namespace: the manager's.
    ///   - memory: how long an answer is believed.
    ///   - audit: where each decision is written, at level `info`.
    package init(
        reviews: any AccessReviews,
        mode: AuthenticationMode,
        namespace: String,
        memory: Duration = .seconds(5),
        audit: Logger
    ) {
        self.reviews = reviews
        self.mode = mode
        self.namespace = namespace
        self.audit = audit
        users = ReviewCache(lifetime: memory)
        rights = ReviewCache(lifetime: memory)
    }

    package func identify(_ evidence: Evidence) async throws(ManagerFailure) -> Principal {
        guard mode != .disabled else { return .unproven }
        let about: Logger.Metadata = ["claim": "\(evidence.claim)"]
        do throws(ManagerFailure) {
            let (principal, proof) = try await prove(evidence)
            note("identify", principal, "allowed", about.merging(["proof": "\(proof)"]) { $1 })
            return principal
        } catch {
            try tolerate(error, "identify", .unproven, about)
            return .unproven
        }
    }

    package func mayAttach(_ principal: Principal, namespace: String) async throws(ManagerFailure) {
        try await judge("attach", principal, .portForward(in: namespace))
    }

    package func mayList(_ principal: Principal, namespace: String) async throws(ManagerFailure) {
        guard mode != .disabled else { return }
        let listing = APIAccessQuestion(verb: "list", resource: .pods, namespace: namespace)
        if case .user(let name, let groups, let uid, let extra) = principal {
            let user = APIUser(name: name, uid: uid, groups: groups, extra: extra)
            for question in [APIAccessQuestion.portForward(in: namespace), listing] {
                do throws(ManagerFailure) {
                    return try await demand(user, question)
                } catch {
                    guard error.code == .forbidden else { throw error }
                }
            }
        }
        try await judge("list", principal, listing)
    }

    package func mayAdminister(_ principal: Principal) async throws(ManagerFailure) {
        let question = APIAccessQuestion(
            verb: "update",
            resource: .configMaps,
            namespace: namespace,
            name: ManagerAuthority.configMapName
        )
        try await judge("administer", principal, question)
    }

    // MARK: identity

    private func prove(_ evidence: Evidence) async throws(ManagerFailure) -> (Principal, String) {
        switch evidence.claim {
        case .workstation:
            if let issued = evidence.issued {
                guard case .agent = issued else { return (issued, "session certificate") }
                throw ManagerFailure(.unauthenticated, "\(issued) is no workstation")
            }
            let (user, proof) = try await user(evidence)
            // Through the API server's port-forward nobody gets here without it; a published manager has to ask itself.
            try await demand(user, .portForward(in: namespace))
            return (.user(name: user.name, groups: user.groups, uid: user.uid, extra: user.extra), proof)
        case .agent(let namespace, let pod):
            if let issued = evidence.issued {
                guard case .agent(namespace, pod, _, _) = issued else {
                    throw ManagerFailure(
                        .unauthenticated,
                        "the certificate is that of \(issued), not of the agent of pod \(namespace)/\(pod)"
                    )
                }
                return (issued, "session certificate")
            }
            return try await agent(evidence.token, namespace: namespace, pod: pod)
        }
    }

    private func user(_ evidence: Evidence) async throws(ManagerFailure) -> (APIUser, String) {
        if let user = evidence.certifiedUser {
            // As the API server does it, so that roles for everybody hold.
            let groups = user.groups + (user.groups.contains("system:authenticated") ? [] : ["system:authenticated"])
            return (APIUser(name: user.name, groups: groups), "client certificate")
        }
        guard !evidence.token.isEmpty else {
            throw ManagerFailure(
                .unauthenticated,
                "the workstation shows neither a token nor a client certificate that the traffic manager can check; "
                    + "the kubeconfig's user needs a token, a tokenFile, an exec plugin or a client certificate of the "
                    + "cluster's own authority"
            )
        }
        guard let user = try await review(evidence.token, audiences: []) else {
            throw ManagerFailure(
                .unauthenticated,
                "the cluster does not accept the kubeconfig's token: it has expired, was revoked, or is another "
                    + "cluster's; log in again"
            )
        }
        return (user, "token")
    }

    private func agent(
        _ token: String,
        namespace: String,
        pod: String
    ) async throws(ManagerFailure) -> (Principal, String) {
        let place = "the agent of pod \(namespace)/\(pod)"
        guard !token.isEmpty else {
            throw ManagerFailure(
                .unauthenticated,
                "\(place) shows no token: its pod lacks the volume \(AgentEnvironment.tokenVolumeName); replace the pod"
            )
        }
        if let user = try await review(token, audiences: [AgentEnvironment.tokenAudience]) {
            return (try Self.agent(user, place, namespace: namespace, pod: pod, uid: nil), "bound token")
        }
        // A running pod gets no volumes any more: there the agent shows the token that the pod has for the API server. It is
        // taken for such a pod alone, as the cluster itself knows it, whoever it is that shows the token.
        if let uid = try await ephemeralAgent(namespace, pod), let user = try await review(token, audiences: []) {
            let principal = try Self.agent(user, place, namespace: namespace, pod: pod, uid: uid)
            return (principal, "token of a pod with an ephemeral agent")
        }
        throw ManagerFailure(
            .unauthenticated,
            "the token of \(place) is not valid for audience \"\(AgentEnvironment.tokenAudience)\": it has expired, "
                + "its pod is gone, or it was made for something else"
        )
    }

    /// The agent that a token's user is, if it is that of the pod, and of the one with this uid where one is given.
    private static func agent(
        _ user: APIUser,
        _ place: String,
        namespace: String,
        pod: String,
        uid: String?
    ) throws(ManagerFailure) -> Principal {
        let parts = user.name.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard parts.count == 4, parts[0] == "system", parts[1] == "serviceaccount" else {
            throw ManagerFailure(
                .unauthenticated,
                "the token of \(place) is that of \"\(user.name)\", not of a service account"
            )
        }
        guard let boundPod = user.extra["authentication.kubernetes.io/pod-name"]?.first,
            let boundUID = user.extra["authentication.kubernetes.io/pod-uid"]?.first
        else {
            throw ManagerFailure(.unauthenticated, "the token of \(place) is not bound to a pod")
        }
        guard parts[2] == namespace, boundPod == pod else {
            throw ManagerFailure(.unauthenticated, "the token of \(place) is that of pod \(parts[2])/\(boundPod)")
        }
        guard uid == nil || uid == boundUID else {
            throw ManagerFailure(.unauthenticated, "the token of \(place) is that of an earlier pod of this name")
        }
        return .agent(namespace: namespace, pod: pod, podUID: boundUID, serviceAccount: parts[3])
    }

    private func ephemeralAgent(_ namespace: String, _ pod: String) async throws(ManagerFailure) -> String? {
        do throws(APIError) {
            return try await reviews.ephemeralAgent(namespace: namespace, pod: pod)
        } catch {
            throw Self.failure(error, "")
        }
    }

    // MARK: rights

    private func judge(
        _ action: String,
        _ principal: Principal,
        _ question: APIAccessQuestion
    ) async throws(ManagerFailure) {
        guard mode != .disabled else { return }
        let about: Logger.Metadata = ["right": "\(question.words)"]
        do throws(ManagerFailure) {
            switch principal {
            case .user(let name, let groups, let uid, let extra):
                try await demand(APIUser(name: name, uid: uid, groups: groups, extra: extra), question)
            case .agent: throw ManagerFailure(.forbidden, "\(principal) may not \(action): only a user may")
            case .unproven:
                throw ManagerFailure(.forbidden, "nobody has proven who this is, so it cannot \(question.words)")
            }
            note(action, principal, "allowed", about)
        } catch {
            try tolerate(error, action, principal, about)
        }
    }

    /// Asks for a right; who lacks it is told which it is and how to get it.
    private func demand(_ user: APIUser, _ question: APIAccessQuestion) async throws(ManagerFailure) {
        let right = Right(user: user, question: question)
        let allowed: Bool
        if let known = rights[right] {
            allowed = known
        } else {
            do throws(APIError) {
                allowed = try await reviews.isAllowed(user, question)
            } catch {
                throw Self.failure(error, "subjectaccessreviews")
            }
            rights.keep(allowed, for: right)
        }
        guard allowed else {
            throw ManagerFailure(
                .forbidden,
                "user \"\(user.name)\" cannot \(question.words); ask for a Role there with verb \"\(question.verb)\" on "
                    + "resource \"\(question.target)\", bound to this user or one of its groups"
            )
        }
    }

    private func review(_ token: String, audiences: [String]) async throws(ManagerFailure) -> APIUser? {
        let key = Fingerprint(of: Array((audiences + [token]).joined(separator: "\n").utf8))
        if let user = users[key] { return user }
        do throws(APIError) {
            let user = try await reviews.review(token: token, audiences: audiences)
            // A token that is not valid is asked about again: it may be so in a moment.
            if let user { users.keep(user, for: key) }
            return user
        } catch {
            throw Self.failure(error, "tokenreviews")
        }
    }

    private static func failure(_ error: APIError, _ resource: String) -> ManagerFailure {
        guard error.kind == .forbidden else {
            return ManagerFailure(.unavailable, "the API server does not answer the traffic manager: \(error.message)")
        }
        return ManagerFailure(
            .failed,
            "the traffic manager itself may not create \(resource): apply its ClusterRole traffic-manager-cluster again"
        )
    }

    // MARK: audit

    /// Throws what speaks against it, unless the mode lets it pass.
    private func tolerate(
        _ failure: ManagerFailure,
        _ action: String,
        _ principal: Principal,
        _ about: Logger.Metadata
    ) throws(ManagerFailure) {
        let about = about.merging(["reason": "\(failure.message)"]) { $1 }
        note(action, principal, mode == .permissive ? "tolerated" : "refused", about)
        guard mode == .permissive else { throw failure }
    }

    private func note(_ action: String, _ principal: Principal, _ decision: String, _ about: Logger.Metadata) {
        let own: Logger.Metadata = [
            "action": "\(action)", "decision": "\(decision)", "principal": "\(principal)", "mode": "\(mode)",
        ]
        audit.info("audit", metadata: own.merging(about) { $1 })
    }
}

extension APIAccessQuestion {
    fileprivate static func portForward(in namespace: String) -> APIAccessQuestion {
        APIAccessQuestion(verb: "create", resource: .pods, subresource: "portforward", namespace: namespace)
    }

    /// What it is about: `pods/portforward`.
    fileprivate var target: String { subresource.isEmpty ? resource : "\(resource)/\(subresource)" }

    /// In the words of Kubernetes: `create pods/portforward in namespace "shop"`.
    fileprivate var words: String {
        let named = name.isEmpty ? target : "\(target) \"\(name)\""
        return namespace.isEmpty ? "\(verb) \(named)" : "\(verb) \(named) in namespace \"\(namespace)\""
    }
}
