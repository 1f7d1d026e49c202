import Actor
import Cluster
import Message

extension WorkloadFacts {
    init(_ view: WorkloadView, _ key: WorkloadKey) {
        let manner: ReplacementManner =
            switch key.kind {
            case "Deployment": view.surge > 0 ? .surge(view.surge) : .inPlace
            case "ReplicaSet": .surge(1)
            case "Job": .never
            default: .inPlace
            }
        self.init(view.template, key, replicas: view.replicas, ready: view.readyReplicas, manner: manner)
        minReadySeconds = view.minReadySeconds
    }

    /// A pod that belongs to no workload; nil for those that do, that have ended, or that a kubelet runs from a file.
    init?(bare pod: PodView) {
        guard pod.controller == nil, ["Pending", "Running"].contains(pod.phase), !pod.isTerminating,
            pod.annotations["kubernetes.io/config.mirror"] == nil,
            pod.labels[InjectionAnnotations.replaced] == nil
        else { return nil }
        self.init(
            pod,
            WorkloadKey(kind: "Pod", name: pod.name, namespace: pod.namespace),
            replicas: 1,
            ready: pod.isReady ? 1 : 0,
            manner: .never
        )
    }

    private init(_ pod: PodView, _ key: WorkloadKey, replicas: Int, ready: Int, manner: ReplacementManner) {
        var obstacle = ""
        if pod.usesHostNetwork {
            obstacle = "its pods use the node's network (hostNetwork), where an agent would catch traffic of others"
        } else if InjectionAnnotations.wish(of: pod.object) == .disabled {
            obstacle = "the annotation \(InjectionAnnotations.inject) is disabled, which forbids an agent"
        } else if pod.object.at("spec", "os", "name")?.string == "windows" {
            obstacle = "its pods run on Windows"
        }
        self.init(
            key: key,
            labels: pod.labels,
            containers: pod.containers.filter { $0.name != AgentEnvironment.containerName }.map { container in
                Container(
                    name: container.name,
                    ports: container.ports.compactMap { port in
                        guard let number = UInt16(exactly: port.number), port.transport != "SCTP" else { return nil }
                        return Port(name: port.name ?? "", number: number, transport: .init(kubernetes: port.transport))
                    }
                )
            },
            replicas: replicas,
            ready: ready,
            obstacle: obstacle,
            manner: manner,
            asksForAgent: InjectionAnnotations.wish(of: pod.object) == .enabled
        )
    }
}
