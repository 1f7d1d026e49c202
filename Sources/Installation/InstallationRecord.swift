internal import Cluster

/// What is remembered of an installation, in a Secret beside it: its values for the next upgrade, and all that it made.
struct InstallationRecord: Sendable, Hashable {
    static let secretName = "telepresence-installation"
    private static let type = "telepresence.io/installation"

    /// Counts up from 1.
    var revision = 0
    /// The version of `telepresence` that applied it.
    var version = ""
    var values = InstallationValues()
    var objects: [ObjectReference] = []
    /// The namespace was not there before.
    var madeNamespace = false

    init() {}

    /// Reads the Secret; nil when it is none of ours.
    init?(secret: JSONValue) {
        guard let text = secret.at("data", "installation")?.string, let bytes = Base64.decode(text),
            let json = try? JSONValue.parse(bytes)
        else { return nil }
        revision = json["revision"]?.int ?? 0
        version = json["version"]?.string ?? ""
        values = InstallationValues(given: json["values"] ?? .emptyObject)
        objects = (json["objects"]?.array ?? []).compactMap { ObjectReference(json: $0) }
        madeNamespace = json["madeNamespace"]?.bool ?? false
    }

    /// The Secret to apply.
    func secret(namespace: String) -> ManifestObject {
        let json: JSONValue = [
            "revision": .integer(Int64(revision)), "version": .string(version), "values": values.given,
            "objects": .array(objects.map(\.json)), "madeNamespace": .bool(madeNamespace),
        ]
        return ManifestObject(
            .secrets,
            name: Self.secretName,
            namespace: namespace,
            ["type": .string(Self.type), "data": ["installation": .string(Base64.encode(json.serialized()))]]
        )
    }
}
