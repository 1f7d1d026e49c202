/// Tells the API server whose certificates the webhook shows.
package enum WebhookRegistration {
    /// The name of the MutatingWebhookConfiguration, unless `TELEPRESENCE_WEBHOOK_NAME` gives another.
    ///
    /// These objects belong to no namespace: each of several managers in one cluster needs its own.
    package static let name = "telepresence-agent-injector"

    /// The name that `TELEPRESENCE_WEBHOOK_NAME` gives: ``name`` where it is missing or empty; nil for `disabled`, an installation
    /// without injector.
    package static func name(_ variable: String?) -> String? {
        switch variable ?? "" {
        case "": name
        case "disabled": nil
        case let other: other
        }
    }

    /// The merge patch (RFC 7386) that sets `caBundle` of every webhook in a configuration.
    ///
    /// A merge patch replaces the list as a whole: the patch carries the list as it was read, and the version that it was read
    /// with, so that a change by somebody else in between is a conflict (409), to be read and tried again.
    ///
    /// - Parameters:
    ///   - configuration: the object as the API server gave it.
    ///   - authority: the CA certificate, PEM.
    /// - Returns: The patch, or nil when everything is as it should be.
    package static func patch(configuration: JSONValue, authority: [UInt8]) -> JSONValue? {
        let bundle = JSONValue.string(Base64.encode(authority))
        guard let old = configuration["webhooks"]?.array, !old.isEmpty else { return nil }
        let new = old.map { webhook in
            var webhook = webhook
            var client = webhook["clientConfig"] ?? .emptyObject
            client["caBundle"] = bundle
            webhook["clientConfig"] = client
            return webhook
        }
        guard new != old else { return nil }
        var patch: JSONValue = ["webhooks": .array(new)]
        if let version = configuration.at("metadata", "resourceVersion") {
            patch["metadata"] = ["resourceVersion": version]
        }
        return patch
    }
}
