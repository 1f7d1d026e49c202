internal import Cluster
internal import Kubeconfig

/// The cluster that an installation is made in, as the user who makes it.
package final class InstallationCluster: Sendable {
    /// Whose fields server-side apply notes.
    static let fieldManager = "telepresence"

    private let api: APIConnection

    /// The API server, as messages name it.
    package var server: String { api.access.endpoint.url }
    /// The kubeconfig's context.
    package var context: String { api.access.contextName ?? "" }

    init(api: APIConnection) { self.api = api }

    /// Reads the kubeconfig; nothing is connected yet.
    ///
    /// - Parameters:
    ///   - kubeconfig: A file; nil means what `environment` says.
    ///   - context: A context; nil means the current one.
    ///   - environment: For KUBECONFIG, HOME and credential plugins.
    /// - Throws: ``InstallationError`` that names file and remedy.
    package convenience init(
        kubeconfig: String?,
        context: String?,
        environment: [String: String]
    ) throws(InstallationError) {
        do throws(KubeconfigError) {
            let overrides = Kubeconfig.Overrides(context: context, environment: environment)
            let access = try Kubeconfig.load(path: kubeconfig, environment: environment).access(overrides)
            self.init(api: APIConnection(access: access))
        } catch {
            throw InstallationError(.unreachable, "\(error)")
        }
    }

    /// Ends the connection.
    package func close() { api.close() }

    // MARK: - Objects

    func find(_ reference: ObjectReference) async throws(InstallationError) -> JSONValue? {
        guard let resource = reference.resource else { return nil }
        return try await find(resource, namespace: reference.namespace, name: reference.name)
    }

    func find(
        _ resource: APIResource,
        namespace: String = "",
        name: String
    ) async throws(InstallationError) -> JSONValue? {
        do throws(APIError) {
            return try await api.get(resource, namespace: namespace.isEmpty ? nil : namespace, name: name)
        } catch {
            if error.kind == .notFound { return nil }
            throw InstallationError(error)
        }
    }

    func list(
        _ resource: APIResource,
        namespace: String? = nil,
        labels: [String: String] = [:]
    ) async throws(InstallationError) -> [JSONValue] {
        do throws(APIError) {
            return try await api.list(resource, namespace: namespace, selection: APISelection(matching: labels)).items
        } catch {
            throw InstallationError(error)
        }
    }

    /// Applies an object (server-side apply); fields that others set to other values are taken over.
    func apply(_ object: ManifestObject) async throws(InstallationError) -> JSONValue {
        do throws(APIError) {
            return try await api.patch(
                object.resource,
                namespace: object.namespace,
                name: object.name,
                .apply(object.json, manager: Self.fieldManager, force: true)
            )
        } catch {
            throw InstallationError(error)
        }
    }

    /// Deletes an object; whether it was there.
    func delete(_ reference: ObjectReference) async throws(InstallationError) -> Bool {
        guard let resource = reference.resource else { return false }
        do throws(APIError) {
            let namespace = reference.namespace.isEmpty ? nil : reference.namespace
            try await api.delete(resource, namespace: namespace, name: reference.name)
            return true
        } catch {
            if error.kind == .notFound { return false }
            throw InstallationError(error)
        }
    }

    /// Evicts a pod; false when a disruption budget forbids it for now.
    func evict(pod: String, namespace: String, uid: String) async throws(InstallationError) -> Bool {
        do throws(APIError) {
            try await api.evict(pod: pod, namespace: namespace, uid: uid)
            return true
        } catch {
            if error.kind == .tooManyRequests { return false }
            throw InstallationError(error)
        }
    }

    /// The last lines that a container wrote; empty when they cannot be had.
    func lastWords(pod: String, container: String, namespace: String, previous: Bool) async -> String {
        let query: [(name: String, value: String)] = [
            (name: "container", value: container), (name: "tailLines", value: "8"),
            (name: "previous", value: previous ? "true" : "false"),
        ]
        let request = APIRequest(
            .get,
            .pods,
            namespace: namespace,
            name: pod,
            subresource: "log",
            query: query
        )
        return (try? await api.text(request)) ?? ""
    }

    // MARK: - Questions

    func version() async throws(InstallationError) -> String {
        do throws(APIError) {
            return try await api.serverVersion()
        } catch {
            throw InstallationError(error)
        }
    }

    func mayI(
        _ verb: String,
        _ resource: APIResource,
        namespace: String = "",
        name: String = ""
    ) async throws(InstallationError) -> Bool {
        let question = APIAccessQuestion(verb: verb, resource: resource, namespace: namespace, name: name)
        do throws(APIError) {
            return try await api.mayI(question)
        } catch {
            throw InstallationError(error)
        }
    }
}
