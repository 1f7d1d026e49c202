import Actor

/// Takes participants for what they say they are, so that agents get certificates of agents.
struct BenchJudge: AccessJudge {
    func identify(_ evidence: Evidence) async throws(ManagerFailure) -> Principal {
        switch evidence.claim {
        case .workstation: .unproven
        case .agent(let namespace, let pod):
            .agent(namespace: namespace, pod: pod, podUID: "uid-of-\(pod)", serviceAccount: "default")
        }
    }

    func mayAttach(_ principal: Principal, namespace: String) async throws(ManagerFailure) {}
    func mayList(_ principal: Principal, namespace: String) async throws(ManagerFailure) {}
    func mayAdminister(_ principal: Principal) async throws(ManagerFailure) {}
}
