import Cluster
import Foundation
import TestSupport
import Testing

@testable import Sandbox

@Suite(.ownThreads) struct FaultTests {
    @Test("a plan and an order come through JSON unchanged")
    func json() throws {
        var order = FaultOrder(number: 7, plan: FaultPlan())
        order.plan.throttle = 0.25
        order.plan.only = ["system:serviceaccount:a:b", "kubectl"]
        order.plan.podLoss = 1
        order.plan.pods = ["default/web"]
        order.plan.refusedWays = ["SPDY/3.1"]
        order.plan.severed = ["default/web"]
        (order.plan.errorCode, order.plan.watchSeconds, order.plan.tokenLifetime) = (503, 4, 9)
        order.actions = FaultOrder.Action.allCases
        order.downtime = 20
        #expect(FaultOrder(try JSONValue.parse(order.value.text)) == order)
        #expect(FaultOrder(.emptyObject) == FaultOrder(number: 0, plan: FaultPlan()))
    }

    @Test("the rules that lose packets name the pods and the share, and go without trace")
    func loss() {
        let some = PodLossTable.script(share: 0.05, addresses: ["10.244.0.3", "10.244.0.2"])
        #expect(some.contains("ip saddr { 10.244.0.2, 10.244.0.3 } numgen random mod 1000 < 50 drop;"))
        let all = PodLossTable.script(share: 1, addresses: ["10.244.0.2"])
        #expect(all.contains("ip daddr { 10.244.0.2 } drop;"))
        for none in [
            PodLossTable.script(share: 0, addresses: ["10.244.0.2"]), PodLossTable.script(share: 1, addresses: []),
        ] {
            #expect(none == "add table ip sandbox-faults\ndelete table ip sandbox-faults\n")
        }
    }

    @Test("requests are throttled, failed and spared by who asks, and watches are cut")
    func requests() async throws {
        try await APIFixture.with { fixture in
            let kubectl = Kubectl(kubeconfig: fixture.kubeconfig)
            fixture.faults.plan.throttle = 1
            fixture.faults.plan.retryAfter = 0
            fixture.faults.plan.only = ["jane"]
            #expect(try await kubectl("get", "cm", "-o", "name").status == 0)
            let refused = try await kubectl("--context", "jane", "get", "cm")
            #expect(refused.errors.contains("too many requests"), "\(refused.errors)")
            fixture.faults.plan = FaultPlan()
            (fixture.faults.plan.errors, fixture.faults.plan.errorCode) = (1, 503)
            let failed = try await kubectl("get", "cm")
            #expect(failed.status != 0 && failed.errors.contains("a fault was asked for"), "\(failed.errors)")
            fixture.faults.plan = FaultPlan()
            let process = try kubectl.process(["get", "cm", "-w", "-o", "name"])
            let output = Pipe()
            process.standardOutput = output
            try process.run()
            let lines = Lines(output.fileHandleForReading)
            try await within { #expect(await lines.next() == "configmap/kube-root-ca.crt") }
            // The first line comes from the list; the watch is begun after it.
            let deadline = ContinuousClock.now + .seconds(20)
            while process.isRunning, ContinuousClock.now < deadline {
                fixture.faults.cutWatches()
                try await Task.sleep(for: .milliseconds(10))
            }
            #expect(!process.isRunning)
            Kubectl.end(process)
        }
    }

    @Test("tokens end when asked, and new ones live no longer than bounded")
    func tokens() async throws {
        let api = ObjectAPI(store: ObjectStore(), access: .absent, authorityPEM: [])
        try await api.bootstrap(host: "172.30.0.2", port: 6443)
        api.tokens.add(token: "static", user: UserInfo(name: "jane"))
        let (first, _) = try api.tokens.issue(serviceAccount: "default", namespace: "default")
        api.tokens.expireAll()
        let error = #expect(throws: StatusError.self) { try api.tokens.check(first) }
        #expect(error?.message.contains("has expired") == true)
        _ = try api.tokens.check("static")
        api.tokens.bound(lifetime: 5)
        let (second, expires) = try api.tokens.issue(serviceAccount: "default", namespace: "default")
        #expect(expires <= Timestamp.seconds() + 5)
        _ = try api.tokens.check(second)
    }
}
