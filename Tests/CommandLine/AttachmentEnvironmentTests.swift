import Message
import Testing

@testable import CommandLine

@Suite("The environment of a handler")
struct AttachmentEnvironmentTests {
    private let attachment = Message.Attachment(
        id: "0123",
        environment: ["A": "1"],
        ports: [ResolvedPort(container: "app", containerPort: 8080)]
    )

    @Test("The container's own variables, the attachment's id and the container's name")
    func variables() {
        #expect(
            AttachmentEnvironment.variables(of: attachment)
                == ["A": "1", "TELEPRESENCE_INTERCEPT_ID": "0123", "TELEPRESENCE_CONTAINER": "app"]
        )
    }

    @Test("The container that was asked for comes before the one of the first port")
    func container() {
        var attachment = attachment
        attachment.spec.container = "side"
        #expect(AttachmentEnvironment.variables(of: attachment)["TELEPRESENCE_CONTAINER"] == "side")
        attachment.spec.container = ""
        attachment.ports = []
        #expect(AttachmentEnvironment.variables(of: attachment)["TELEPRESENCE_CONTAINER"] == nil)
    }

    @Test("A mount point brings its root and the paths below it")
    func mounts() {
        let variables = AttachmentEnvironment.variables(of: attachment, root: "/tmp/x", mounts: ["/etc/app", "/data"])
        #expect(variables["TELEPRESENCE_ROOT"] == "/tmp/x")
        #expect(variables["TELEPRESENCE_MOUNTS"] == "/etc/app:/data")
        #expect(AttachmentEnvironment.variables(of: attachment)["TELEPRESENCE_ROOT"] == nil)
    }
}
