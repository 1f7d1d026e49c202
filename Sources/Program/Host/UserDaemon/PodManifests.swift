import Call
import Cluster
import Message
import NIOCore

/// Reads pods as the cluster has them, with the rights of the connection.
struct PodManifests: Sendable {
    /// Pods in one request at most.
    private static let limit = 1000

    let gateway: ManagerGateway
    let eventLoop: any EventLoop

    /// One answer for each pod that is asked for.
    func answer(_ request: ManifestRequest, _ writer: CallWriter<Manifest>) async throws {
        guard request.pods.count <= Self.limit else {
            throw CallStatus(.invalidArgument, "more than \(Self.limit) pods")
        }
        guard let access = gateway.presentAccess() else {
            throw CallStatus(.failedPrecondition, "not connected; run `telepresence connect` first")
        }
        let api = APIConnection(access: access, eventLoop: eventLoop)
        defer { api.close() }
        for pod in request.pods {
            let words = pod.split(separator: "/").map(String.init)
            guard words.count == 2 else {
                throw CallStatus(.invalidArgument, "\"\(pod)\" is no pod; write NAMESPACE/NAME")
            }
            var manifest = Manifest(pod: pod)
            do throws(APIError) {
                manifest.text = YAMLText.text(
                    Self.withoutValues(try await api.get(.pods, namespace: words[0], name: words[1]))
                )
            } catch {
                manifest.error = "\(error)"
            }
            try await writer.send(manifest)
        }
    }

    /// The pod without what people do not read, and without the values of its environment, which may be secrets.
    static func withoutValues(_ pod: JSONValue) -> JSONValue {
        var pod = pod
        var metadata = pod["metadata"] ?? .emptyObject
        metadata["managedFields"] = nil
        var annotations = metadata["annotations"]
        annotations?["kubectl.kubernetes.io/last-applied-configuration"] = nil
        metadata["annotations"] = annotations
        pod["metadata"] = metadata
        var spec = pod["spec"] ?? .emptyObject
        for list in ["containers", "initContainers", "ephemeralContainers"] {
            guard let containers = spec[list]?.array else { continue }
            spec[list] = .array(
                containers.map { container in
                    var container = container
                    guard let variables = container["env"]?.array else { return container }
                    container["env"] = .array(
                        variables.map { variable in
                            var variable = variable
                            if variable["value"] != nil { variable["value"] = .string(SecretFilter.replacement) }
                            return variable
                        }
                    )
                    return container
                }
            )
        }
        pod["spec"] = spec
        return pod
    }
}
