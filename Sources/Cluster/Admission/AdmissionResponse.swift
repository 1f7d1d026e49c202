/// What an admission webhook answers.
package struct AdmissionResponse: Sendable, Hashable {
    package var allowed: Bool
    /// What to change about the object; only when it is allowed.
    package var patch: JSONPatch?
    /// Shown to the user; the API server cuts what is long.
    package var warnings: [String]
    /// Why it is not allowed.
    package var message: String?

    /// Lets the object be, changed by the patch if there is one.
    package static func allow(_ patch: JSONPatch? = nil, warnings: [String] = []) -> AdmissionResponse {
        AdmissionResponse(allowed: true, patch: patch, warnings: warnings, message: nil)
    }

    /// Refuses the object.
    package static func refuse(_ message: String) -> AdmissionResponse {
        AdmissionResponse(allowed: false, patch: nil, warnings: [], message: message)
    }

    /// The `AdmissionReview` that answers the request with this uid.
    package func review(uid: String) -> JSONValue {
        var response: JSONValue = ["uid": .string(uid), "allowed": .bool(allowed)]
        if allowed, let patch, !patch.isEmpty {
            response["patchType"] = "JSONPatch"
            response["patch"] = .string(Base64.encode(patch.json.serialized()))
        }
        if !warnings.isEmpty { response["warnings"] = .array(warnings.map { .string(Self.headerText($0)) }) }
        if let message { response["status"] = ["code": 403, "message": .string(message)] }
        return [
            "apiVersion": .string(AdmissionRequest.apiVersion), "kind": "AdmissionReview", "response": response,
        ]
    }

    /// The API server passes warnings on in a header, and wants no more than 256 characters without line breaks.
    private static func headerText(_ text: String) -> String {
        let printable = text.unicodeScalars.map { $0.value < 0x20 || $0.value == 0x7F ? " " : Character($0) }
        return printable.count <= 256 ? String(printable) : String(printable.prefix(255)) + "…"
    }
}
