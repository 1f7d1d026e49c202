/// Asks nobody and lets everybody do everything: authentication mode `disabled`.
package struct OpenJudge: AccessJudge {
    package init() {}

    package func identify(_ evidence: Evidence) async throws(ManagerFailure) -> Principal { .unproven }
    package func mayAttach(_ principal: Principal, namespace: String) async throws(ManagerFailure) {}
    package func mayList(_ principal: Principal, namespace: String) async throws(ManagerFailure) {}
    package func mayAdminister(_ principal: Principal) async throws(ManagerFailure) {}
}
