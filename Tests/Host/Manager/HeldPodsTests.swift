import Actor
import Cluster
import Testing

@testable import Host

@Suite struct HeldPodsTests {
    private let web = ClusterFixture.key("Deployment", "web")

    private func pod(_ uid: String, of name: String, namespace: String = "default") -> PodView {
        let of: JSONValue = [InjectionAnnotations.replacedOf: .string("deployment/" + name)]
        return PodView(
            [
                "metadata": [
                    "uid": .string(uid), "name": .string(uid), "namespace": .string(namespace), "annotations": of,
                ]
            ]
        )
    }

    @Test("pods are held until the replacement of their workload is over")
    func letGo() {
        var held = HeldPods()
        held.hold("a", for: web)
        held.hold("b", for: ClusterFixture.key("Deployment", "other"))
        #expect(held.isReplacing(pod("a", of: "web")) && held.isReplacing(pod("b", of: "other")))
        held.letGo(of: web)
        #expect(!held.isReplacing(pod("a", of: "web")) && held.isReplacing(pod("b", of: "other")))
        held.release("b")
        #expect(!held.isReplacing(pod("b", of: "other")))
    }

    @Test("a replacement that runs is in charge of what an earlier one has left of its workload")
    func sameWorkload() {
        var held = HeldPods()
        held.hold("a", for: web)
        #expect(held.isReplacing(pod("left", of: "web")))
        #expect(!held.isReplacing(pod("left", of: "web", namespace: "elsewhere")))
        #expect(!held.isReplacing(pod("left", of: "other")))
    }

    @Test("what is about to be deleted stays so when its replacement is over, and is deleted once")
    func leaving() {
        var held = HeldPods()
        held.hold("a", for: web)
        let first = held.beginLeaving("a")
        held.letGo(of: web)
        let again = held.beginLeaving("a")
        #expect(first && !again && held.isLeaving("a"))
        held.endLeaving("a")
        #expect(!held.isLeaving("a"))
    }
}
