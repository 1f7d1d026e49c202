import Cluster
import Kernel

/// The Node object, and the DNS Service that the node serves.
enum NodeRegistration {
    /// Makes both; `published` is the node's address outside of the cluster, if it has one.
    static func register(_ api: ObjectAPI, published: String? = nil) async throws(StatusError) {
        let now = JSONValue.string(Timestamp.now())
        let address = JSONValue.string(NodeNetwork.node.description)
        try await api.create(
            .nodes,
            [
                "metadata": [
                    "name": .string(NodeContext.nodeName),
                    "labels": [
                        "kubernetes.io/hostname": .string(NodeContext.nodeName), "kubernetes.io/os": "linux",
                        "kubernetes.io/arch": .string(Self.architecture), "node-role.kubernetes.io/control-plane": "",
                    ],
                ],
                "spec": [
                    "podCIDR": .string(NodeNetwork.podRange), "podCIDRs": [.string(NodeNetwork.podRange)],
                    "providerID": "sandbox://\(NodeContext.nodeName)",
                ],
            ]
        )
        // Far more than most machines have: requests are promises that nothing here enforces, and they must not be what
        // keeps a demo from starting.
        let capacity: JSONValue = ["cpu": "32", "memory": "128Gi", "pods": "250", "ephemeral-storage": "10Gi"]
        func condition(_ type: String, _ status: Bool, _ reason: String, _ message: String) -> JSONValue {
            [
                "type": .string(type), "status": status ? "True" : "False", "reason": .string(reason),
                "message": .string(message), "lastTransitionTime": now, "lastHeartbeatTime": now,
            ]
        }
        var addresses: [JSONValue] = [["type": "InternalIP", "address": address]]
        if let published { addresses.append(["type": "ExternalIP", "address": .string(published)]) }
        addresses.append(["type": "Hostname", "address": .string(NodeContext.nodeName)])
        let all = JSONValue.array(addresses)
        try api.store.update(.nodes, name: NodeContext.nodeName, part: .status) { old in
            var node = old
            node["status"] = [
                "addresses": all, "capacity": capacity, "allocatable": capacity,
                "conditions": [
                    condition(
                        "MemoryPressure",
                        false,
                        "KubeletHasSufficientMemory",
                        "kubelet has sufficient memory available"
                    ),
                    condition("DiskPressure", false, "KubeletHasNoDiskPressure", "kubelet has no disk pressure"),
                    condition("PIDPressure", false, "KubeletHasSufficientPID", "kubelet has sufficient PID available"),
                    condition("Ready", true, "KubeletReady", "kubelet is posting ready status"),
                ],
                "nodeInfo": [
                    "architecture": .string(Self.architecture), "operatingSystem": "linux", "osImage": "this machine",
                    "kubeletVersion": "v1.33.0", "kubeProxyVersion": "", "containerRuntimeVersion": "sandbox://1",
                    "kernelVersion": "", "machineID": "", "systemUUID": "", "bootID": "",
                ],
            ]
            return node
        }
        try await Self.registerDNS(api)
    }

    private static func registerDNS(_ api: ObjectAPI) async throws(StatusError) {
        let ports: JSONValue = [
            ["name": "dns", "port": 53, "protocol": "UDP"], ["name": "dns-tcp", "port": 53, "protocol": "TCP"],
        ]
        let metadata: JSONValue = [
            "name": "kube-dns",
            "labels": [
                "k8s-app": "kube-dns", "kubernetes.io/cluster-service": "true", "kubernetes.io/name": "CoreDNS",
            ],
        ]
        try await api.create(
            .services,
            ["metadata": metadata, "spec": ["clusterIP": .string(NodeContext.dnsAddress), "ports": ports]],
            namespace: "kube-system"
        )
        let address = JSONValue.string(NodeNetwork.node.description)
        try await api.create(
            .endpoints,
            ["metadata": ["name": "kube-dns"], "subsets": [["addresses": [["ip": address]], "ports": ports]]],
            namespace: "kube-system"
        )
        try await api.create(
            .endpointSlices,
            [
                "metadata": ["name": "kube-dns", "labels": ["kubernetes.io/service-name": "kube-dns"]],
                "addressType": "IPv4", "endpoints": [["addresses": [address], "conditions": ["ready": true]]],
                "ports": ports,
            ],
            namespace: "kube-system"
        )
    }

    #if arch(arm64)
    private static let architecture = "arm64"
    #else
    private static let architecture = "amd64"
    #endif
}
