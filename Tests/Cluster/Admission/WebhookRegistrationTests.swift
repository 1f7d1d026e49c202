import Cluster
import Testing

@Suite struct WebhookRegistrationTests {
    @Test func name() {
        #expect(WebhookRegistration.name(nil) == WebhookRegistration.name)
        #expect(WebhookRegistration.name("") == WebhookRegistration.name)
        #expect(WebhookRegistration.name("other") == "other")
        #expect(WebhookRegistration.name("disabled") == nil)
    }

    private let configuration: JSONValue = [
        "metadata": ["name": "telepresence-agent-injector", "resourceVersion": "12"],
        "webhooks": [["name": "a", "timeoutSeconds": 5, "clientConfig": ["service": ["name": "agent-injector"]]]],
    ]

    @Test("the patch sets the CA, keeps the rest, and is not needed twice") func patch() throws {
        let patch = try #require(WebhookRegistration.patch(configuration: configuration, authority: Array("PEM".utf8)))
        #expect(patch["metadata"] == ["resourceVersion": "12"])
        let merged = configuration.merged(with: patch)
        #expect(merged["webhooks"]?[0]?["timeoutSeconds"] == 5)
        #expect(
            merged["webhooks"]?[0]?["clientConfig"] == ["service": ["name": "agent-injector"], "caBundle": "UEVN"]
        )
        #expect(WebhookRegistration.patch(configuration: merged, authority: Array("PEM".utf8)) == nil)
        #expect(WebhookRegistration.patch(configuration: .emptyObject, authority: []) == nil)
    }
}
