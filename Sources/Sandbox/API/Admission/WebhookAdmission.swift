import Cluster

/// Calls the mutating webhooks that want to see a request, in the order of their names.
struct WebhookAdmission: Sendable {
    /// A request on its way to the store.
    struct Attempt: Sendable {
        let kind: ResourceKind
        /// CREATE, UPDATE or DELETE.
        let operation: String
        let namespace: String
        let name: String
        var object: JSONValue?
        let old: JSONValue?
        let user: UserInfo
        let dryRun: Bool
    }

    private struct Hook {
        let configuration: String
        let webhook: JSONValue
        var name: String { self.webhook["name"]?.string ?? "" }
    }

    let store: ObjectStore
    let client: WebhookClient

    /// The object as the webhooks want it; nil when there is none (DELETE).
    ///
    /// Fails when one denies the request.
    func mutate(_ attempt: Attempt) async throws(StatusError) -> JSONValue? {
        let hooks = self.hooks(for: attempt)
        guard !hooks.isEmpty else { return attempt.object }
        var attempt = attempt
        var seen: [JSONValue?] = []
        for hook in hooks {
            attempt.object = try await self.call(hook, attempt)
            seen.append(attempt.object)
        }
        // Those who asked for it see once more what later ones have changed.
        for (index, hook) in hooks.enumerated()
        where hook.webhook["reinvocationPolicy"] == "IfNeeded" && seen[index] != attempt.object {
            attempt.object = try await self.call(hook, attempt)
        }
        return attempt.object
    }

    private func hooks(for attempt: Attempt) -> [Hook] {
        guard attempt.kind != .mutatingWebhooks else { return [] }
        return self.store.items(.mutatingWebhooks).flatMap { configuration in
            (configuration["webhooks"]?.array ?? []).map { Hook(configuration: configuration.name, webhook: $0) }
        }.filter { self.wants($0.webhook, attempt) }
    }

    private func wants(_ webhook: JSONValue, _ attempt: Attempt) -> Bool {
        let kind = attempt.kind
        let matches = (webhook["rules"]?.array ?? []).contains { rule in
            func has(_ list: String, _ value: String) -> Bool {
                let values = rule[list]?.stringArray ?? []
                return values.contains("*") || values.contains(value)
            }
            let scope = rule["scope"]?.string ?? "*"
            return has("operations", attempt.operation) && has("apiGroups", kind.group)
                && has("apiVersions", kind.version) && (has("resources", kind.plural) || has("resources", "*/*"))
                && (scope == "*" || (scope == "Namespaced") == kind.namespaced)
        }
        guard matches else { return false }
        if kind.namespaced || kind == .namespaces {
            let namespace =
                kind == .namespaces
                ? attempt.object ?? attempt.old : self.store.find(.namespaces, name: attempt.namespace)
            let selector = LabelSelector(webhook["namespaceSelector"] ?? .object([:]))
            guard selector.matches(namespace?.labels ?? [:]) else { return false }
        }
        let selector = LabelSelector(webhook["objectSelector"] ?? .object([:]))
        return [attempt.object, attempt.old].compactMap { $0 }.contains { selector.matches($0) }
    }

    private func call(_ hook: Hook, _ attempt: Attempt) async throws(StatusError) -> JSONValue? {
        let ignores = hook.webhook["failurePolicy"] == "Ignore"
        let effects = hook.webhook["sideEffects"]?.string ?? ""
        if attempt.dryRun, !["None", "NoneOnDryRun"].contains(effects) {
            throw .badRequest(
                "admission webhook \"\(hook.name)\" does not support dry run"
            )
        }
        let id = Identifiers.uid()
        let answer: JSONValue
        do throws(WebhookClient.Failure) {
            if !(hook.webhook["matchConditions"]?.array ?? []).isEmpty {
                throw WebhookClient.Failure(reason: "matchConditions are not supported by this cluster")
            }
            answer = try await self.client.post(
                self.review(id, attempt),
                to: hook.webhook["clientConfig"] ?? .null,
                timeout: hook.webhook["timeoutSeconds"]?.int ?? 10
            )
        } catch {
            if ignores { return attempt.object }
            throw .internalError("failed calling webhook \"\(hook.name)\": failed to call webhook: \(error.reason)")
        }
        let response = answer["response"] ?? .null
        guard answer["kind"] == "AdmissionReview", response["uid"]?.string == id,
            let allowed = response["allowed"]?.bool
        else {
            if ignores { return attempt.object }
            throw .internalError(
                "failed calling webhook \"\(hook.name)\": received invalid webhook response: no matching AdmissionReview"
            )
        }
        guard allowed else {
            let status = response["status"] ?? .null
            let message = status["message"]?.string ?? status["reason"]?.string ?? ""
            let detail = message.isEmpty ? "denied the request without explanation" : "denied the request: \(message)"
            throw StatusError(
                code: status["code"]?.int.flatMap { (400...599).contains($0) ? $0 : nil } ?? 403,
                reason: status["reason"]?.string ?? "",
                message: "admission webhook \"\(hook.name)\" \(detail)"
            )
        }
        guard let patch = response["patch"]?.string, let object = attempt.object else { return attempt.object }
        do {
            guard response["patchType"] == "JSONPatch", let bytes = Base64.decode(patch) else {
                throw WebhookClient.Failure(reason: "unknown patch type or encoding")
            }
            return try JSONPatch(json: try JSONValue.parse(bytes)).applied(to: object)
        } catch {
            if ignores { return attempt.object }
            throw .internalError("failed calling webhook \"\(hook.name)\": the patch can't be applied: \(error)")
        }
    }

    private func review(_ id: String, _ attempt: Attempt) -> JSONValue {
        let kind = attempt.kind
        let gvk: JSONValue = [
            "group": .string(kind.group), "version": .string(kind.version), "kind": .string(kind.kind),
        ]
        let gvr: JSONValue = [
            "group": .string(kind.group), "version": .string(kind.version), "resource": .string(kind.plural),
        ]
        var request: JSONValue = [
            "uid": .string(id), "kind": gvk, "resource": gvr, "requestKind": gvk, "requestResource": gvr,
            "operation": .string(attempt.operation), "userInfo": attempt.user.json,
            "object": attempt.object ?? .null, "oldObject": attempt.old ?? .null, "dryRun": .bool(attempt.dryRun),
            "options": .null,
        ]
        if kind.namespaced { request["namespace"] = .string(attempt.namespace) }
        if !attempt.name.isEmpty { request["name"] = .string(attempt.name) }
        return ["kind": "AdmissionReview", "apiVersion": "admission.k8s.io/v1", "request": request]
    }
}
