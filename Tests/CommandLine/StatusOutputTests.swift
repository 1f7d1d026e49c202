import Message
import Testing

@testable import CommandLine

@Suite struct StatusOutputTests {
    private func output(_ way: AttachmentWay?) -> StatusOutput {
        var attachment = Message.Attachment(id: "a", state: .active, workloadKind: "Deployment")
        attachment.spec = AttachmentSpec(name: "web", kind: .intercept, workload: "web", namespace: "default")
        return StatusOutput(StatusInfo(state: "connected", attachments: [attachment], ways: way.map { [$0] } ?? []))
    }

    @Test(
        "status says which way the traffic of an attachment takes, and why not the direct one",
        arguments: [
            ("direct", "", "   Traffic       : direct"),
            ("manager", "web-1: not allowed", "   Traffic       : through the manager (web-1: not allowed)"),
            ("mixed", "web-2: cut", "   Traffic       : partly direct (web-2: cut)"),
        ]
    )
    func way(way: String, reason: String, line: String) throws {
        let output = output(AttachmentWay(attachmentID: "a", way: way, reason: reason))
        #expect(output.text.split(separator: "\n").contains { $0 == line }, "\(output.text)")
        let json = try OutputFormat.jsonStream.encode(output)
        #expect(json.contains("\"traffic\":\"\(way)\""), "\(json)")
        #expect(json.contains("\"traffic_reason\"") == !reason.isEmpty, "\(json)")
    }

    @Test("of an attachment whose way nobody knows nothing is said")
    func unknown() throws {
        #expect(!output(nil).text.contains("Traffic  "))
        #expect(!output(AttachmentWay(attachmentID: "b", way: "direct")).text.contains("Traffic  "))
    }
}
