package import Cluster
package import NIOCore

/// What the API server needs of the machine that runs the pods; the node supplies it.
package struct NodeAccess: Sendable {
    /// Which part of a container's log is wanted.
    package struct LogOptions: Sendable {
        /// The container; never empty.
        package var container: String
        /// Whether to go on until the container ends.
        package var follow = false
        /// Only that many lines from the end.
        package var tail: Int?
        /// Only lines since that moment, in seconds since 1970.
        package var since: Int64?
        /// Whether each line begins with its moment.
        package var timestamps = false
        /// No more bytes than that.
        package var limit: Int?
        /// Whether the log of the container's former run is wanted.
        package var previous = false

        /// The whole log of a container.
        package init(container: String) { self.container = container }
    }

    /// Connects to a TCP port on the loopback address of a pod's network namespace.
    ///
    /// Comes back with a connected non-blocking socket, which the caller owns; fails with words for the user.
    package var dialPod: @Sendable (_ namespace: String, _ pod: String, _ port: Int) async throws(StatusError) -> CInt

    /// Connects to a port of a Service, as the API server does for webhooks; the socket as in ``dialPod``.
    package var dialService:
        @Sendable (_ namespace: String, _ name: String, _ port: Int) async throws(StatusError) -> CInt

    /// The log of a container as it grows.
    ///
    /// The stream ends with the log, or when its reader's task is cancelled; 404 and 400 as the kubelet answers.
    package var log:
        @Sendable (_ pod: JSONValue, _ options: LogOptions) async throws(StatusError) -> AsyncStream<ByteBuffer>

    /// Runs a command in a container, for `exec`; fails with words for the user.
    package var exec: @Sendable (_ pod: JSONValue, _ options: ExecOptions) async throws(StatusError) -> ExecSession

    /// Joins a container's own process, for `attach`.
    package var attach: @Sendable (_ pod: JSONValue, _ options: ExecOptions) async throws(StatusError) -> ExecSession

    /// Functions by hand.
    package init(
        dialPod: @escaping @Sendable (String, String, Int) async throws(StatusError) -> CInt,
        dialService: @escaping @Sendable (String, String, Int) async throws(StatusError) -> CInt,
        log: @escaping @Sendable (JSONValue, LogOptions) async throws(StatusError) -> AsyncStream<ByteBuffer>,
        exec: @escaping @Sendable (JSONValue, ExecOptions) async throws(StatusError) -> ExecSession = Self.nowhere,
        attach: @escaping @Sendable (JSONValue, ExecOptions) async throws(StatusError) -> ExecSession = Self.nowhere
    ) {
        self.dialPod = dialPod
        self.dialService = dialService
        self.log = log
        self.exec = exec
        self.attach = attach
    }

    /// No process can be run.
    package static let nowhere: @Sendable (JSONValue, ExecOptions) async throws(StatusError) -> ExecSession = {
        pod,
        _ throws(StatusError) in throw .internalError("pod \(pod.name) runs on no node")
    }

    /// A cluster without a node: nothing can be reached.
    package static let absent = NodeAccess(
        dialPod: { _, pod, _ throws(StatusError) in throw .internalError("pod \(pod) runs on no node") },
        dialService: { _, name, _ throws(StatusError) in throw .internalError("service \(name) has no endpoints") },
        log: { pod, _ throws(StatusError) in throw .internalError("pod \(pod.name) runs on no node") }
    )
}
