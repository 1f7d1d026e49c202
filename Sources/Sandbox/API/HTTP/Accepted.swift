/// In which form an answer is wanted: the `Accept` header.
struct Accepted: Sendable, Equatable {
    /// What objects are turned into.
    enum Form: Sendable, Equatable {
        case object
        case table
        /// Metadata only.
        case partial
        /// Discovery of all groups in one answer.
        case discovery
    }

    /// The form.
    let form: Form
    /// What the answer's content type says.
    let contentType: String

    /// Chooses the first form that can be had; nil when none can.
    init?(_ header: String?) {
        guard let header, !header.isEmpty else {
            self.init(form: .object, contentType: "application/json")
            return
        }
        for choice in header.split(separator: ",") {
            let parts = choice.split(separator: ";").map(\.trimmed)
            guard let type = parts.first, ["application/json", "application/*", "*/*"].contains(type) else { continue }
            var parameters: [Substring: Substring] = [:]
            for part in parts.dropFirst() {
                if let equals = part.firstIndex(of: "=") {
                    parameters[part[..<equals]] = part[part.index(after: equals)...]
                }
            }
            switch (parameters["as"], parameters["v"]) {
            case (nil, _):
                self.init(form: .object, contentType: "application/json")
                return
            case ("Table", "v1"):
                self.init(form: .table, contentType: "application/json")
                return
            case ("PartialObjectMetadata", "v1"), ("PartialObjectMetadataList", "v1"):
                self.init(form: .partial, contentType: "application/json")
                return
            case ("APIGroupDiscoveryList", "v2"):
                self.init(
                    form: .discovery,
                    contentType: "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"
                )
                return
            default: continue
            }
        }
        return nil
    }

    private init(form: Form, contentType: String) {
        self.form = form
        self.contentType = contentType
    }
}
