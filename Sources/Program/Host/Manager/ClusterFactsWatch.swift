import Cluster
import Synchronization

/// Follows what clients are told of the cluster's network, and says when it has changed.
///
/// Nodes and namespaces change all the time in ways that concern nobody (heartbeats, labels): only what clients are told counts.
final class ClusterFactsWatch: Sendable {
    /// What is followed, where, and what of an object counts.
    private let followed: [(APIResource, String?, APISelection, @Sendable (JSONValue) -> String)]
    private let api: APIConnection
    private let known = Mutex<[String: [String: String]]>([:])

    /// - Parameters:
    ///   - api: the client.
    ///   - namespace: the manager's own, whose Services publish it.
    init(api: APIConnection, namespace: String) {
        self.api = api
        followed = [
            (.namespaces, nil, APISelection(), { _ in "" }),
            (
                .nodes, nil, APISelection(),
                { node in
                    let ready = (node.at("status", "conditions")?.array ?? []).first { $0["type"] == "Ready" }?[
                        "status"
                    ]
                    let ranges = node.at("spec", "podCIDRs") ?? node.at("spec", "podCIDR") ?? .null
                    return ranges.text + (node.at("status", "addresses") ?? .null).text + (ready ?? .null).text
                }
            ),
            (.serviceCIDRs, nil, APISelection(), { ($0.at("spec", "cidrs") ?? .null).text }),
            (
                .services, "kube-system", APISelection(fields: "metadata.name=kube-dns"),
                { ($0.at("spec", "clusterIP") ?? .null).text }
            ),
            (
                .services, namespace, APISelection(),
                { ($0["spec"] ?? .null).text + ($0.at("status", "loadBalancer") ?? .null).text }
            ),
        ]
    }

    /// Runs until the task is cancelled.
    ///
    /// - Parameters:
    ///   - settle: changes that come within this time are told of once.
    ///   - changed: called after changes, also after the first look; never twice at once.
    func run(settle: Duration, _ changed: @escaping @Sendable () async -> Void) async {
        let (signals, signal) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        await withTaskGroup(of: Void.self) { group in
            for (resource, namespace, selection, digest) in followed {
                let watch = ResourceWatch(api, resource, namespace: namespace, selection: selection)
                group.addTask { [self] in
                    // What the manager may not see, it cannot follow.
                    try? await watch.run { change in
                        if take(change, of: "\(resource.plural) \(namespace ?? "")", digest) { signal.yield() }
                    }
                }
            }
            group.addTask {
                for await _ in signals {
                    guard (try? await Task.sleep(for: settle)) != nil else { return }
                    await changed()
                }
            }
            await group.waitForAll()
        }
    }

    /// Takes a change; true when it changes what clients are told.
    private func take(
        _ change: ResourceChange,
        of group: String,
        _ digest: @Sendable (JSONValue) -> String
    ) -> Bool {
        func name(_ object: JSONValue) -> String { object.at("metadata", "name")?.string ?? "" }
        return known.withLock { known in
            let before = known[group]
            switch change {
            case .all(let list):
                known[group] = Dictionary(list.map { (name($0), digest($0)) }) { _, new in new }
            case .updated(let object): known[group, default: [:]][name(object)] = digest(object)
            case .deleted(let object): known[group]?[name(object)] = nil
            case .interrupted: break
            }
            return known[group] != before
        }
    }
}
