import Actor
import Cluster
import Testing

@testable import Host

@Suite struct ClusterJudgeTests {
    private static let ann = APIUser(name: "ann", groups: ["dev"])
    private static let connect = "ann create pods/portforward ambassador"
    private static let attach = "ann create pods/portforward shop"
    private let log = MemoryLog()

    private static func pod(
        _ namespace: String,
        _ pod: String?,
        name: String? = nil
    ) -> APIUser {
        var extra: [String: [String]] = [:]
        if let pod {
            extra["authentication.kubernetes.io/pod-name"] = [pod]
            extra["authentication.kubernetes.io/pod-uid"] = ["uid-\(pod)"]
        }
        return APIUser(name: name ?? "system:serviceaccount:\(namespace):default", extra: extra)
    }

    private let reviews = TableReviews(
        tokens: [
            .init(text: "ann", audiences: []): ann,
            .init(text: "web", audiences: ["telepresence"]): pod("shop", "web-1"),
            .init(text: "loose", audiences: ["telepresence"]): pod("shop", nil),
            .init(text: "human", audiences: ["telepresence"]): pod("shop", "web-1", name: "ann"),
            .init(text: "api", audiences: []): pod("shop", "web-1"),
        ],
        rights: [connect]
    )

    private func judge(_ mode: AuthenticationMode = .enforcing, memory: Duration = .seconds(60)) -> ClusterJudge {
        ClusterJudge(reviews: reviews, mode: mode, namespace: "ambassador", memory: memory, audit: log.logger)
    }

    private func refusal(_ evidence: Evidence, _ mode: AuthenticationMode = .enforcing) async -> ManagerFailure? {
        do throws(ManagerFailure) {
            _ = try await judge(mode).identify(evidence)
            return nil
        } catch {
            return error
        }
    }

    @Test("A token and a client certificate prove a user")
    func users() async throws {
        let byToken = try await judge().identify(Evidence(claim: .workstation, token: "ann"))
        #expect(byToken == .user(name: "ann", groups: ["dev"]))
        let certified = Evidence.CertifiedUser(name: "ann", groups: ["dev"])
        let byCertificate = try await judge().identify(Evidence(claim: .workstation, certifiedUser: certified))
        #expect(byCertificate == .user(name: "ann", groups: ["dev", "system:authenticated"]))
        #expect(log.all.map { $0["proof"] } == ["token", "client certificate"])
        #expect(log.all.allSatisfy { $0["decision"] == "allowed" && !$0.values.contains("ann") })
    }

    @Test("Nobody's token, no token at all, and a user who may not connect are told what is missing")
    func strangers() async throws {
        let unknown = await refusal(Evidence(claim: .workstation, token: "other"))
        #expect(unknown?.code == .unauthenticated)
        #expect(unknown?.message.contains("does not accept the kubeconfig's token") == true)
        let none = await refusal(Evidence(claim: .workstation))
        #expect(none?.message.contains("neither a token nor a client certificate") == true)
        reviews.allow([])
        let lacking = await refusal(Evidence(claim: .workstation, token: "ann"))
        #expect(lacking?.code == .forbidden)
        #expect(
            lacking?.message.hasPrefix(
                "user \"ann\" cannot create pods/portforward in namespace \"ambassador\"; ask for"
            )
                == true
        )
        #expect(log.all.map { $0["decision"] } == ["refused", "refused", "refused"])
    }

    @Test("An agent is the one whose pod its token is bound to, and no other")
    func agents() async throws {
        let claim = Evidence.Claim.agent(namespace: "shop", pod: "web-1")
        let principal = try await judge().identify(Evidence(claim: claim, token: "web"))
        let web = Principal.agent(namespace: "shop", pod: "web-1", podUID: "uid-web-1", serviceAccount: "default")
        #expect(principal == web)
        for (evidence, words) in [
            (Evidence(claim: claim), "shows no token"),
            (Evidence(claim: claim, token: "api"), "not valid for audience \"telepresence\""),
            (Evidence(claim: claim, token: "ann"), "not valid for audience \"telepresence\""),
            (Evidence(claim: claim, token: "loose"), "not bound to a pod"),
            (Evidence(claim: claim, token: "human"), "not of a service account"),
            (Evidence(claim: .agent(namespace: "shop", pod: "web-2"), token: "web"), "is that of pod shop/web-1"),
            (Evidence(claim: .agent(namespace: "other", pod: "web-1"), token: "web"), "is that of pod shop/web-1"),
            (
                Evidence(claim: .agent(namespace: "shop", pod: "web-2"), issued: web),
                "not of the agent of pod shop/web-2"
            ),
            (Evidence(claim: .workstation, issued: web), "is no workstation"),
        ] {
            let failure = await refusal(evidence)
            #expect(failure?.code == .unauthenticated)
            #expect(failure?.message.contains(words) == true, "\(failure?.message ?? "let in"): \(words)")
        }
        #expect(try await judge().identify(Evidence(claim: claim, issued: web)) == web)
    }

    @Test("The token that a pod has for the API server proves its agent only where that is an ephemeral container")
    func ephemeralAgents() async throws {
        let evidence = Evidence(claim: .agent(namespace: "shop", pod: "web-1"), token: "api")
        #expect(await refusal(evidence)?.message.contains("not valid for audience") == true)
        reviews.putAgent(into: "shop/web-2", uid: "uid-web-1")
        #expect(await refusal(evidence)?.message.contains("not valid for audience") == true)
        let other = Evidence(claim: .agent(namespace: "shop", pod: "web-2"), token: "api")
        #expect(await refusal(other)?.message.contains("is that of pod shop/web-1") == true)
        reviews.putAgent(into: "shop/web-1", uid: "uid-of-another")
        #expect(await refusal(evidence)?.message.contains("an earlier pod of this name") == true)
        reviews.putAgent(into: "shop/web-1", uid: "uid-web-1")
        let agent = Principal.agent(namespace: "shop", pod: "web-1", podUID: "uid-web-1", serviceAccount: "default")
        #expect(try await judge().identify(evidence) == agent)
        #expect(log.all.last?["proof"] == "token of a pod with an ephemeral agent")
        let user = Evidence(claim: .agent(namespace: "shop", pod: "web-1"), token: "ann")
        #expect(await refusal(user)?.message.contains("not of a service account") == true)
    }

    @Test("Who may attach is asked of the cluster; the refusal names right, user and namespace")
    func attaching() async throws {
        let user = Principal.user(name: "ann", groups: ["dev"])
        await #expect(throws: ManagerFailure.self) { try await judge().mayAttach(user, namespace: "shop") }
        reviews.allow([Self.attach])
        try await judge().mayAttach(user, namespace: "shop")
        await #expect(throws: ManagerFailure.self) { try await judge().mayAttach(user, namespace: "other") }
        await #expect(throws: ManagerFailure.self) { try await judge().mayAttach(.unproven, namespace: "shop") }
        let agent = Principal.agent(namespace: "shop", pod: "p", podUID: "u", serviceAccount: "s")
        await #expect(throws: ManagerFailure.self) { try await judge().mayAttach(agent, namespace: "shop") }
        await #expect(throws: ManagerFailure.self) { try await judge().mayAdminister(user) }
        reviews.allow(["ann update configmaps ambassador"])
        try await judge().mayAdminister(user)
        let reason = log.all.first?["reason"] ?? ""
        #expect(reason.hasPrefix("user \"ann\" cannot create pods/portforward in namespace \"shop\"; ask for a Role"))
        #expect(log.all.map { $0["action"] } == Array(repeating: "attach", count: 5) + ["administer", "administer"])
    }

    @Test("Who may attach or list pods may see a namespace's workloads; only a refusal is written down")
    func listing() async throws {
        let user = Principal.user(name: "ann", groups: ["dev"])
        await #expect(throws: ManagerFailure.self) { try await judge().mayList(user, namespace: "shop") }
        #expect(log.all.map { $0["action"] } == ["list"])
        #expect(log.all.first?["reason"]?.hasPrefix("user \"ann\" cannot list pods in namespace \"shop\"") == true)
        reviews.allow([Self.attach])
        try await judge().mayList(user, namespace: "shop")
        await #expect(throws: ManagerFailure.self) { try await judge().mayList(user, namespace: "other") }
        reviews.allow(["ann list pods other"])
        try await judge().mayList(user, namespace: "other")
        await #expect(throws: ManagerFailure.self) { try await judge().mayList(.unproven, namespace: "shop") }
        try await judge(.permissive).mayList(.unproven, namespace: "shop")
        #expect(log.all.map { $0["decision"] } == ["refused", "refused", "refused", "tolerated"])
    }

    @Test("What else the cluster knows of a user goes into the question for a right, as scopes may narrow it")
    func extraFields() async throws {
        let scoped = APIUser(name: "ann", uid: "7", groups: ["dev"], extra: ["scopes.example.org": ["read"]])
        reviews.know("scoped", scoped)
        let principal = try await judge().identify(Evidence(claim: .workstation, token: "scoped"))
        try? await judge().mayAttach(principal, namespace: "shop")
        #expect(reviews.users == [scoped, scoped])
        #expect(principal.isSame(as: .user(name: "ann", groups: [])))
    }

    @Test("Permissive mode lets everybody through and says what would have been refused; disabled asks nobody")
    func modes() async throws {
        let stranger = Evidence(claim: .workstation, token: "other")
        #expect(try await judge(.permissive).identify(stranger) == .unproven)
        try await judge(.permissive).mayAttach(.unproven, namespace: "shop")
        #expect(log.all.map { $0["decision"] } == ["tolerated", "tolerated"])
        #expect(log.all.allSatisfy { $0["reason"]?.isEmpty == false && $0["mode"] == "permissive" })
        let known = try await judge(.permissive).identify(Evidence(claim: .workstation, token: "ann"))
        #expect(known == .user(name: "ann", groups: ["dev"]))
        let asked = reviews.questions
        #expect(try await judge(.disabled).identify(stranger) == .unproven)
        try await judge(.disabled).mayAttach(.unproven, namespace: "shop")
        try await judge(.disabled).mayAdminister(.unproven)
        #expect(reviews.questions == asked)
    }

    @Test("An answer is believed for a while, then asked for anew")
    func memory() async throws {
        let judge = judge()
        let user = Principal.user(name: "ann", groups: ["dev"])
        reviews.allow([Self.attach])
        for _ in 0..<3 { try await judge.mayAttach(user, namespace: "shop") }
        #expect(reviews.questions == 1)
        let forgetful = self.judge(memory: .zero)
        for _ in 0..<3 { try await forgetful.mayAttach(user, namespace: "shop") }
        #expect(reviews.questions == 4)
        reviews.allow([])
        await #expect(throws: ManagerFailure.self) { try await forgetful.mayAttach(user, namespace: "shop") }
    }

    @Test("A cluster that does not answer refuses nobody for good; a manager without rights says which it lacks")
    func failures() async {
        reviews.fail(APIError(kind: .unreachable, message: "no route"))
        let silent = await refusal(Evidence(claim: .workstation, token: "ann"))
        #expect(silent?.code == .unavailable)
        #expect(silent?.message.contains("no route") == true)
        reviews.fail(APIError(kind: .forbidden, message: "tokenreviews is forbidden"))
        let weak = await refusal(Evidence(claim: .workstation, token: "ann"))
        #expect(weak?.message.contains("may not create tokenreviews") == true)
    }

    @Test("The audit log never holds a token")
    func secrets() async {
        _ = await refusal(Evidence(claim: .workstation, token: "very-secret"))
        _ = await refusal(Evidence(claim: .agent(namespace: "shop", pod: "p"), token: "very-secret"))
        #expect(log.all.count == 2)
        #expect(!"\(log.all)".contains("very-secret"))
        #expect(!"\(Evidence(claim: .workstation, token: "very-secret"))".contains("very-secret"))
    }
}
