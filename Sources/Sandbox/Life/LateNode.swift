import Cluster
import NIOCore
import Synchronization

/// The kubelet for those who are made before it: the API server needs the node, and the node the API.
final class LateNode: Sendable {
    private let kubelet = Mutex<Kubelet?>(nil)

    /// Hands the kubelet over.
    func set(_ kubelet: Kubelet) {
        self.kubelet.withLock { $0 = kubelet }
    }

    private func get() throws(StatusError) -> Kubelet {
        guard let kubelet = self.kubelet.withLock({ $0 }) else { throw .internalError("the node is not there yet") }
        return kubelet
    }

    /// What the API server may ask of the node.
    var access: NodeAccess {
        NodeAccess(
            dialPod: { namespace, pod, port async throws(StatusError) in
                try await self.get().dialPod(namespace: namespace, name: pod, port: port)
            },
            dialService: { namespace, name, port async throws(StatusError) in
                try await self.get().dialService(namespace: namespace, name: name, port: port)
            },
            log: { pod, options async throws(StatusError) in try await self.get().log(pod, options) },
            exec: { pod, options async throws(StatusError) in try await self.get().exec(pod, options) },
            attach: { pod, options async throws(StatusError) in try await self.get().attach(pod, options) }
        )
    }
}
