/// What the API server asks an admission webhook: `AdmissionReview.request` of `admission.k8s.io/v1`.
package struct AdmissionRequest: Sendable, Hashable {
    /// The apiVersion that is understood.
    package static let apiVersion = "admission.k8s.io/v1"

    /// Why a text is not a review that can be answered.
    package struct Failure: Error, Sendable, Hashable, CustomStringConvertible {
        package let description: String
    }

    /// Goes into the answer.
    package var uid: String
    /// `CREATE`, `UPDATE`, `DELETE` or `CONNECT`.
    package var operation: String
    /// The kind of ``object``.
    package var kind: String
    package var namespace: String
    /// The object's name; empty when the server is yet to make it.
    package var name: String
    package var userName: String
    /// Whether nothing will come of it: then answering may have no effects.
    package var dryRun: Bool
    /// The object as it would be stored; null on DELETE.
    package var object: JSONValue
    /// The object as it is stored; null on CREATE.
    package var oldObject: JSONValue

    package init(
        uid: String,
        operation: String,
        kind: String,
        namespace: String,
        name: String = "",
        userName: String = "",
        dryRun: Bool = false,
        object: JSONValue = .null,
        oldObject: JSONValue = .null
    ) {
        self.uid = uid
        self.operation = operation
        self.kind = kind
        self.namespace = namespace
        self.name = name
        self.userName = userName
        self.dryRun = dryRun
        self.object = object
        self.oldObject = oldObject
    }

    /// Reads an `AdmissionReview`.
    package init(review bytes: [UInt8]) throws(Failure) {
        let review: JSONValue
        do throws(JSONError) {
            review = try JSONValue.parse(bytes)
        } catch {
            throw Failure(description: error.description)
        }
        guard review["kind"]?.string == "AdmissionReview" else { throw Failure(description: "not an AdmissionReview") }
        guard review["apiVersion"]?.string == Self.apiVersion else {
            throw Failure(
                description:
                    "AdmissionReview of \(review["apiVersion"]?.string ?? "no version"), not \(Self.apiVersion)"
            )
        }
        guard let request = review["request"], let uid = request["uid"]?.string, !uid.isEmpty else {
            throw Failure(description: "an AdmissionReview without request, or a request without uid")
        }
        self.init(
            uid: uid,
            operation: request["operation"]?.string ?? "",
            kind: request.at("kind", "kind")?.string ?? "",
            namespace: request["namespace"]?.string ?? "",
            name: request["name"]?.string ?? "",
            userName: request.at("userInfo", "username")?.string ?? "",
            dryRun: request["dryRun"]?.bool ?? false,
            object: request["object"] ?? .null,
            oldObject: request["oldObject"] ?? .null
        )
    }
}
