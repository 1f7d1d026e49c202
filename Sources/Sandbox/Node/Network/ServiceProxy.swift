import Cluster
package import Kernel

/// Keeps the node's rules and the cluster's DNS as Services and endpoints say.
///
/// Concurrency model: one task; changes that come while it works are taken together the next time.
package struct ServiceProxy: Sendable {
    private let node: NodeContext
    private let dns: DNSServer

    /// Serves DNS in the node's namespace from here on, at first without names.
    package init(node: NodeContext) throws(SystemError) {
        self.node = node
        self.dns = DNSServer()
        try self.dns.listen(node.network.namespace, NodeNetwork.node)
    }

    /// Works until its task is cancelled.
    package func run() async {
        let (changes, input) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        var subscriptions: [WatchSubscription] = []
        for kind in [ResourceKind.services, .endpointSlices, .endpoints, .namespaces] {
            if let watch = try? self.node.store.subscribe(kind, { _ in input.yield() }) {
                subscriptions.append(watch.subscription)
            }
        }
        var rules: ServiceRules?
        for await _ in changes {
            let state = ServiceState(store: self.node.store)
            self.dns.serve(state.zone())
            let next = state.rules()
            if next == rules { continue }
            let before = rules
            let network = self.node.network
            let done = await self.node.blocking { () -> String? in
                do throws(SystemError) {
                    let script = next.script(serviceRange: NodeNetwork.serviceRange, node: NodeNetwork.node.description)
                    let result = try network.execute(["nft", "-f", "-"], input: script)
                    guard result.status == 0 else { return result.error }
                    // Without conntrack, clients of UDP have to open new sockets when endpoints go.
                    for words in ServiceRules.staleFlows(before: before, after: next) {
                        _ = try? network.execute(words)
                    }
                    return nil
                } catch {
                    return error.description
                }
            }
            if let done {
                StandardError.write("sandbox: the rules of Services could not be set: \(done)")
                // The next change tries again with everything.
                rules = nil
            } else {
                rules = next
                self.node.endpoints.set(next)
            }
        }
        withExtendedLifetime(subscriptions) {}
    }
}
