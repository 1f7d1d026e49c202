import Cluster

/// Says which pods serve a Service: EndpointSlices, and Endpoints for those who still read them.
struct EndpointsController: Sendable {
    let api: ObjectAPI

    /// Works until its task is cancelled.
    func run() async {
        let store = self.api.store
        let loop = ControllerLoop("endpoints", store: store)
        loop.watchOwn(.services)
        // Called under the store's lock: which Services a pod belongs to is found out later, by namespace.
        loop.watch(.pods) { event in
            if let previous = event.previous, Self.same(previous, event.object) { return [] }
            return [ObjectKey(namespace: event.object.namespace, name: "")]
        }
        await loop.run { key throws(StatusError) in
            guard key.name.isEmpty else { return try self.reconcile(key) }
            for service in store.items(.services, namespace: key.namespace) { try self.reconcile(ObjectKey(service)) }
        }
    }

    /// Whether a change of a pod is none for endpoints.
    private static func same(_ old: JSONValue, _ new: JSONValue) -> Bool {
        old.labels == new.labels && old.isTerminating == new.isTerminating
            && (old.readySince == nil) == (new.readySince == nil)
            && old.at("status", "podIP") == new.at("status", "podIP")
            && old.at("status", "phase") == new.at("status", "phase")
            && old.at("spec", "containers") == new.at("spec", "containers")
    }

    private func reconcile(_ key: ObjectKey) throws(StatusError) {
        let store = self.api.store
        guard let service = store.find(.services, namespace: key.namespace, name: key.name), !service.isTerminating
        else {
            // What is left of a Service goes with it by its owner references; Endpoints have none.
            _ = try? store.delete(.endpoints, namespace: key.namespace, name: key.name)
            return
        }
        guard !service.texts("spec", "selector").isEmpty, service.at("spec", "type")?.string != "ExternalName" else {
            return
        }
        let selector = LabelSelector(map: service.at("spec", "selector"))
        let pods = store.items(.pods, namespace: key.namespace, labels: selector).filter {
            $0.at("status", "podIP")?.string?.isEmpty == false
                && !["Succeeded", "Failed"].contains($0.at("status", "phase")?.string ?? "")
        }
        let early = service.at("spec", "publishNotReadyAddresses")?.bool ?? false
        // A named port may mean different numbers in different pods: one slice for each set of numbers.
        var groups: [[JSONValue]: [JSONValue]] = [:]
        for pod in pods { groups[Self.ports(service, pod), default: []].append(pod) }
        if groups.isEmpty { groups[[]] = [] }
        try self.writeSlices(service, groups, early)
        try self.writeEndpoints(service, groups, early)
    }

    /// The ports of a Service as a pod has them; those that it has not are left out.
    private static func ports(_ service: JSONValue, _ pod: JSONValue) -> [JSONValue] {
        (service.at("spec", "ports")?.array ?? []).compactMap { port in
            let transport = port["protocol"]?.string ?? "TCP"
            let target = port["targetPort"] ?? port["port"]
            guard
                let number = ContainerPorts.number(target, in: ContainerPorts.containers(pod), transport: transport)
            else { return nil }
            var result: JSONValue = [
                "name": port["name"] ?? "", "port": .integer(Int64(number)), "protocol": .string(transport),
            ]
            result["appProtocol"] = port["appProtocol"]
            return result
        }
    }

    private func writeSlices(
        _ service: JSONValue,
        _ groups: [[JSONValue]: [JSONValue]],
        _ early: Bool
    ) throws(StatusError) {
        let store = self.api.store
        var wanted: [String: JSONValue] = [:]
        for (ports, pods) in groups {
            let name = "\(service.name)-\(JSONValue.array(ports + [.string(service.uid)]).contentHash.prefix(5))"
            let endpoints = pods.map { pod -> JSONValue in
                let ready = pod.readySince != nil
                var endpoint: JSONValue = [
                    "addresses": [pod.at("status", "podIP") ?? ""],
                    "conditions": [
                        "ready": .bool(early || ready && !pod.isTerminating), "serving": .bool(early || ready),
                        "terminating": .bool(pod.isTerminating),
                    ], "nodeName": .string(NodeContext.nodeName), "targetRef": Self.reference(pod),
                ]
                if pod.at("spec", "subdomain")?.string == service.name {
                    endpoint["hostname"] = pod.at("spec", "hostname")
                }
                return endpoint
            }
            wanted[name] = [
                "metadata": [
                    "name": .string(name),
                    "labels": [
                        "kubernetes.io/service-name": .string(service.name),
                        "endpointslice.kubernetes.io/managed-by": "endpointslice-controller.k8s.io",
                    ], "ownerReferences": [service.ownerReference(.services)],
                ], "addressType": "IPv4", "endpoints": .array(endpoints), "ports": .array(ports),
            ]
        }
        let present = service.controlled(store.items(.endpointSlices, namespace: service.namespace))
        for (name, slice) in wanted {
            guard present.contains(where: { $0.name == name }) else {
                try store.create(.endpointSlices, slice, namespace: service.namespace)
                continue
            }
            try store.update(.endpointSlices, namespace: service.namespace, name: name) { old in
                var new = old
                new["endpoints"] = slice["endpoints"]
                new["ports"] = slice["ports"]
                return new
            }
        }
        for slice in present where wanted[slice.name] == nil {
            _ = try? store.delete(.endpointSlices, namespace: service.namespace, name: slice.name)
        }
    }

    private func writeEndpoints(
        _ service: JSONValue,
        _ groups: [[JSONValue]: [JSONValue]],
        _ early: Bool
    )
        throws(StatusError)
    {
        var subsets: [JSONValue] = []
        for (ports, pods) in groups.sorted(by: { $0.key.description < $1.key.description }) where !pods.isEmpty {
            func addresses(_ pods: [JSONValue]) -> JSONValue {
                .array(
                    pods.map {
                        [
                            "ip": $0.at("status", "podIP") ?? "", "nodeName": .string(NodeContext.nodeName),
                            "targetRef": Self.reference($0),
                        ]
                    }
                )
            }
            let live = pods.filter { !$0.isTerminating }
            let ready = live.filter { early || $0.readySince != nil }
            let unready = live.filter { !early && $0.readySince == nil }
            var subset: JSONValue = ["ports": .array(ports)]
            if !ready.isEmpty { subset["addresses"] = addresses(ready) }
            if !unready.isEmpty { subset["notReadyAddresses"] = addresses(unready) }
            if !live.isEmpty { subsets.append(subset) }
        }
        let store = self.api.store
        let object: JSONValue = [
            "metadata": [
                "name": .string(service.name),
                "labels": JSONValue(
                    stringMap: service.labels.merging(["endpoints.kubernetes.io/managed-by": "endpoint-controller"]) {
                        _,
                        new in new
                    }
                ),
            ], "subsets": .array(subsets),
        ]
        guard store.find(.endpoints, namespace: service.namespace, name: service.name) != nil else {
            try store.create(.endpoints, object, namespace: service.namespace)
            return
        }
        try store.update(.endpoints, namespace: service.namespace, name: service.name) { old in
            var new = old
            new["subsets"] = .array(subsets)
            return new
        }
    }

    private static func reference(_ pod: JSONValue) -> JSONValue {
        [
            "kind": "Pod", "namespace": .string(pod.namespace), "name": .string(pod.name), "uid": .string(pod.uid),
        ]
    }
}
