/// Says who a participant is, and what it may do: the cluster's word, asked by the manager.
///
/// Every refusal names who lacks which right, and how to give it. Each call leaves one line in the audit log.
package protocol AccessJudge: Sendable {
    /// Who shows this evidence.
    ///
    /// - Throws: `unauthenticated` when it proves nobody or another one than claimed; `unavailable` when the cluster does
    ///   not answer.
    func identify(_ evidence: Evidence) async throws(ManagerFailure) -> Principal

    /// Whether it may attach to workloads of the namespace: the right to create `pods/portforward` there.
    ///
    /// - Throws: `forbidden` if not; `unavailable` when the cluster does not answer.
    func mayAttach(_ principal: Principal, namespace: String) async throws(ManagerFailure)

    /// Whether it may see the workloads of the namespace and who has attached to them: the right to attach, or to list pods there.
    ///
    /// This is asked every second by who watches: only a refusal leaves a line.
    ///
    /// - Throws: `forbidden` if not; `unavailable` when the cluster does not answer.
    func mayList(_ principal: Principal, namespace: String) async throws(ManagerFailure)

    /// Whether it may act on what is others': the right to update ConfigMap `traffic-manager` in the manager's namespace.
    ///
    /// - Throws: `forbidden` if not; `unavailable` when the cluster does not answer.
    func mayAdminister(_ principal: Principal) async throws(ManagerFailure)
}
