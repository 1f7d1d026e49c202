package import Cluster
import Synchronization

/// Finds the subnets of services and pods in clusters of every age.
///
/// Concurrency model: `kept` is behind a mutex; what was found the older ways is asked again only after ``lifetime``.
package final class SubnetFinder: Sendable {
    private struct Kept {
        var subnets: [String]
        var until: ContinuousClock.Instant
    }

    /// How long the answer of the older ways holds: service subnets hardly ever change, and asking writes into audit logs.
    private static let lifetime = Duration.seconds(600)

    private let api: APIConnection
    private let namespace: String
    private let serverAddress: String
    private let strategy: PodSubnetStrategy
    private let kept = Mutex<Kept?>(nil)

    /// Makes a finder; nothing is asked yet.
    ///
    /// - Parameters:
    ///   - api: The cluster.
    ///   - namespace: The manager's own, where a Service may be tried.
    ///   - serverAddress: Address of the API server's Service, for the last guess.
    ///   - strategy: How pods' subnets are found.
    package init(
        api: APIConnection,
        namespace: String,
        serverAddress: String,
        strategy: PodSubnetStrategy = .auto
    ) {
        self.api = api
        self.namespace = namespace
        self.serverAddress = serverAddress
        self.strategy = strategy
    }

    /// The subnets of services.
    ///
    /// ServiceCIDR objects where the cluster has them (1.33); else what kubeadm wrote down; else what the API server says
    /// when a Service is tried (dry run) with an address that cannot be; else a guess around a Service that exists.
    package func services() async -> [String] {
        let ranges = (try? await api.list(.serviceCIDRs))?.items.flatMap { $0.at("spec", "cidrs")?.stringArray ?? [] }
        if let ranges, !ranges.isEmpty { return Set(ranges).sorted() }
        let now = ContinuousClock.now
        if let kept = kept.withLock({ $0 }), kept.until > now { return kept.subnets }
        var found = await kubeadm()
        if found.isEmpty { found = await trial() }
        if found.isEmpty { found = await guess() }
        if !found.isEmpty { kept.withLock { $0 = Kept(subnets: found, until: now + Self.lifetime) } }
        return found
    }

    /// The subnets of pods.
    package func pods() async -> [String] {
        switch strategy {
        case .given(let subnets): return Set(subnets).sorted()
        case .nodes: return await nodes()
        case .pods: return await cover()
        case .auto:
            let ranges = await nodes()
            return ranges.isEmpty ? await cover() : ranges
        }
    }

    private func nodes() async -> [String] {
        let ranges = (try? await api.list(.nodes))?.items.flatMap { node -> [String] in
            let several = node.at("spec", "podCIDRs")?.stringArray ?? []
            return several.isEmpty ? [node.at("spec", "podCIDR")?.string].compactMap { $0 } : several
        }
        return Set(ranges ?? []).sorted()
    }

    private func cover() async -> [String] {
        let pods = (try? await api.list(.pods))?.items.map { PodView($0) } ?? []
        return SubnetCover.pods(pods.filter { !$0.usesHostNetwork }.flatMap(\.addresses))
    }

    // MARK: the older ways

    private func kubeadm() async -> [String] {
        guard let map = try? await api.get(.configMaps, namespace: "kube-system", name: "kubeadm-config"),
            let text = map.at("data", "ClusterConfiguration")?.string
        else { return [] }
        return Self.serviceSubnet(inClusterConfiguration: text)
    }

    /// `serviceSubnet` of a kubeadm ClusterConfiguration; YAML of which this one scalar is wanted.
    static func serviceSubnet(inClusterConfiguration text: String) -> [String] {
        for line in text.split(separator: "\n") {
            let words = line.split(separator: ":", maxSplits: 1)
            guard words.count == 2, words[0].filter({ !$0.isWhitespace }) == "serviceSubnet" else { continue }
            let value = words[1].prefix { $0 != "#" }.filter { !$0.isWhitespace && $0 != "\"" && $0 != "'" }
            return value.split(separator: ",").map(String.init).filter(SubnetCover.isPrefix).sorted()
        }
        return []
    }

    private func trial() async -> [String] {
        var found: Set<String> = []
        for address in ["1.1.1.1", "1:1::1"] {
            let service: JSONValue = [
                "apiVersion": "v1", "kind": "Service",
                "metadata": ["name": "telepresence-subnet-trial", "namespace": .string(namespace)],
                "spec": [
                    "clusterIP": .string(address), "ports": [["port": 443]],
                    "ipFamilies": [address.contains(":") ? "IPv6" : "IPv4"],
                ],
            ]
            do throws(APIError) {
                _ = try await api.send(
                    APIRequest(
                        .create,
                        .services,
                        namespace: namespace,
                        query: [(name: "dryRun", value: "All")],
                        body: service
                    )
                )
            } catch {
                found.formUnion(Self.ranges(inRefusal: error.message))
            }
        }
        return found.sorted()
    }

    /// The prefixes that a refusal names: `…The range of valid IPs is 10.96.0.0/16`.
    static func ranges(inRefusal message: String) -> [String] {
        guard let start = message.lastRange(of: "range of valid IPs is ") else { return [] }
        let rest = message[start...]
        return rest.split { $0 == "," || $0 == " " || $0 == "\"" || $0 == ")" || $0 == ";" }
            .map { word in
                var word = String(word)
                while let last = word.last, last == "." || last == ":" { word.removeLast() }
                return word
            }
            .filter(SubnetCover.isPrefix)
    }

    private func guess() async -> [String] {
        let injector = try? await api.get(.services, namespace: namespace, name: "agent-injector")
        let addresses = injector.map { ServiceView($0).clusterAddress }.map { [$0] } ?? []
        return Set((addresses + [serverAddress]).flatMap { SubnetCover.services($0) }).sorted()
    }
}

extension String {
    /// The index after the last occurrence of a text.
    fileprivate func lastRange(of text: String) -> String.Index? {
        var start = endIndex
        while start > startIndex {
            start = index(before: start)
            if self[start...].hasPrefix(text) { return index(start, offsetBy: text.count) }
        }
        return nil
    }
}
