import Testing

@testable import Host

@Suite struct WebhookSelfTestTests {
    /// What the tests find, one after the other; how often it was tested; what was told.
    private func told(_ findings: String?...) async -> (told: String?, tests: Int) {
        var rest = findings[...]
        let told = await WebhookSelfTest.confirmed(after: .zero) { rest.popFirst() ?? "nothing is left" }
        return (told, findings.count - rest.count)
    }

    @Test("a failure that a second test does not find is not told")
    func passing() async {
        let found = await told("unreachable", "")
        #expect(found.told == "" && found.tests == 2)
    }

    @Test("a failure that a second test finds, too, is told as that finds it")
    func lasting() async {
        let found = await told("unreachable", "unreachable still")
        #expect(found.told == "unreachable still" && found.tests == 2)
    }

    @Test("where all is well, or nothing can be found out, one test is enough", arguments: ["", nil])
    func well(finding: String?) async {
        let found = await told(finding, "never asked")
        #expect(found.told == finding && found.tests == 1)
    }
}
