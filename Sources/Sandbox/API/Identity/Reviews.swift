import Cluster

/// Answers to questions about identity and rights.
struct Reviews: Sendable {
    let tokens: TokenIssuer
    let authorizer: Authorizer

    /// The review with its status.
    func answer(
        _ kind: ResourceKind,
        _ review: JSONValue,
        namespace: String,
        by user: UserInfo
    ) throws(StatusError) -> JSONValue {
        var answer = review
        answer["kind"] = .string(kind.kind)
        answer["apiVersion"] = .string(kind.apiVersion)
        answer.setDefault("metadata", to: .object([:]))
        let spec = review["spec"] ?? .null
        switch kind {
        case .tokenReviews: answer["status"] = self.token(spec)
        case .selfSubjectReviews: answer["status"] = ["userInfo": user.json]
        case .subjectAccessReviews, .localSubjectAccessReviews:
            let other = UserInfo(
                name: spec["user"]?.string ?? "",
                uid: spec["uid"]?.string ?? "",
                groups: spec["groups"]?.stringArray ?? [],
                extra: spec["extra"]?.object?.mapValues(\.stringArray) ?? [:]
            )
            if other.name.isEmpty, other.groups.isEmpty {
                throw .invalid(
                    kind,
                    "",
                    [
                        .init(
                            reason: "FieldValueInvalid",
                            message: "Invalid value: \"\": at least one of user or group must be specified",
                            field: "spec.user"
                        )
                    ]
                )
            }
            answer["status"] = try self.access(spec, other, kind)
        case .selfSubjectAccessReviews: answer["status"] = try self.access(spec, user, kind)
        case .selfSubjectRulesReviews: answer["status"] = self.rules(spec, user)
        default: throw .noSuchResource
        }
        return answer
    }

    private func token(_ spec: JSONValue) -> JSONValue {
        let wanted = spec["audiences"]?.stringArray ?? []
        do throws(StatusError) {
            let proof = try self.tokens.check(
                spec["token"]?.string ?? "",
                audiences: wanted.isEmpty ? [TokenIssuer.apiAudience] : wanted
            )
            return [
                "authenticated": true, "user": proof.user.json,
                "audiences": .array(proof.audiences.map { .string($0) }),
            ]
        } catch {
            return ["authenticated": false, "user": .object([:]), "error": .string(error.message)]
        }
    }

    private func access(_ spec: JSONValue, _ user: UserInfo, _ kind: ResourceKind) throws(StatusError) -> JSONValue {
        var attributes: Authorizer.Attributes
        if let wanted = spec["resourceAttributes"], wanted.object != nil {
            attributes = Authorizer.Attributes(verb: wanted["verb"]?.string ?? "")
            attributes.group = wanted["group"]?.string ?? ""
            attributes.resource = wanted["resource"]?.string ?? ""
            if let subresource = wanted["subresource"]?.string, !subresource.isEmpty {
                attributes.resource += "/\(subresource)"
            }
            attributes.name = wanted["name"]?.string ?? ""
            attributes.namespace = wanted["namespace"]?.string ?? ""
        } else if let wanted = spec["nonResourceAttributes"], wanted.object != nil {
            attributes = Authorizer.Attributes(verb: wanted["verb"]?.string ?? "")
            attributes.path = wanted["path"]?.string ?? ""
        } else {
            throw .invalid(
                kind,
                "",
                [
                    .init(
                        reason: "FieldValueInvalid",
                        message:
                            "Invalid value: null: exactly one of nonResourceAttributes or resourceAttributes must be specified",
                        field: "spec.resourceAttributes"
                    )
                ]
            )
        }
        let allowed = self.authorizer.allows(user, attributes)
        return allowed ? ["allowed": true, "reason": "RBAC: allowed"] : ["allowed": false]
    }

    private func rules(_ spec: JSONValue, _ user: UserInfo) -> JSONValue {
        let rules = self.authorizer.rules(for: user, namespace: spec["namespace"]?.string ?? "")
        return [
            "resourceRules": .array(rules.filter { $0["nonResourceURLs"] == nil }),
            "nonResourceRules": .array(rules.filter { $0["nonResourceURLs"] != nil }), "incomplete": false,
        ]
    }
}
