internal import HTTP2
package import NIOCore
internal import TLS

/// Forwards one TCP connection to a port of a pod through the API server (WebSocket, `v4.channel.k8s.io`).
package enum PortForward {
    /// Opens a port-forward.
    ///
    /// The channel's pipeline tail carries the forwarded bytes both ways as `ByteBuffer`; stack on it what is needed, TLS too.
    /// A failure in the pod (nobody listens on the port) shows later: as a ``PortForwardError`` through `errorCaught`, and close.
    ///
    /// - Parameters:
    ///   - access: the API server and the user, who needs `create` on `pods/portforward`.
    ///   - namespace: the pod's namespace.
    ///   - pod: the pod's name.
    ///   - port: the port in the pod.
    ///   - eventLoop: the loop that the channel is to live on.
    ///   - timeout: for connecting, TLS and upgrade together.
    ///   - initializer: called on the loop before the first forwarded byte can arrive: put handlers here.
    /// - Returns: The open channel.
    /// - Throws: ``APIError``.
    package static func open(
        access: ClusterAccess,
        namespace: String,
        pod: String,
        port: Int,
        on eventLoop: any EventLoop,
        timeout: TimeAmount = .seconds(15),
        initializer: @escaping @Sendable (any Channel) throws -> Void = { _ in }
    ) async throws(APIError) -> any Channel {
        var afterRefusal = false
        while true {
            do throws(APIError) {
                return try await attempt(
                    access,
                    namespace,
                    pod,
                    port,
                    eventLoop,
                    timeout,
                    afterRefusal: afterRefusal,
                    initializer
                )
            } catch {
                // A token may just have expired: a fresh one decides.
                guard error.kind == .unauthorized, !afterRefusal, access.credentials.canRefresh else { throw error }
                afterRefusal = true
            }
        }
    }

    private static func attempt(
        _ access: ClusterAccess,
        _ namespace: String,
        _ pod: String,
        _ port: Int,
        _ eventLoop: any EventLoop,
        _ timeout: TimeAmount,
        afterRefusal: Bool,
        _ initializer: @escaping @Sendable (any Channel) throws -> Void
    ) async throws(APIError) -> any Channel {
        let action = "port-forward to pod \"\(pod)\" in namespace \"\(namespace)\""
        do {
            let credential = try await access.credentials.credential(afterRefusal: afterRefusal)
            let tls = try access.tlsContext(credential: credential, alpn: ["http/1.1"])
            let path = "/api/v1/namespaces/\(namespace)/pods/\(pod)/portforward?ports=\(port)"
            let request = PortForwardHandler.Request(
                path: access.endpoint.basePath + path,
                authority: access.endpoint.authority,
                fields: access.requestFields(credential: credential)
            )
            let serverName = access.endpoint.tlsServerName ?? access.endpoint.host
            return try await ServerDial.connect(access.endpoint, on: eventLoop, timeout: timeout)
                .flatMap { channel -> EventLoopFuture<any Channel> in
                    let upgraded = channel.eventLoop.makePromise(of: Void.self)
                    let late = channel.eventLoop.scheduleTask(in: timeout) {
                        upgraded.fail(ChannelError.connectTimeout(timeout))
                    }
                    do {
                        try channel.pipeline.syncOperations.addHandlers(
                            TLSHandler(context: tls, role: .client(serverName: serverName)),
                            PortForwardHandler(request: request, upgraded: upgraded)
                        )
                    } catch {
                        upgraded.fail(error)
                    }
                    return upgraded.futureResult.flatMapThrowing {
                        late.cancel()
                        try initializer(channel)
                        return channel
                    }.flatMapErrorThrowing { error in
                        late.cancel()
                        channel.close(promise: nil)
                        throw error
                    }
                }.get()
        } catch PortForwardHandler.Refusal.refused(let status, let body, let retryAfter) {
            throw APIError(status: status, body: body, retryAfter: retryAfter, action: action, access: access)
        } catch PortForwardHandler.Refusal.violation(let problem) {
            throw APIError(kind: .malformed, message: "\(action) through \(access.endpoint.url) failed: \(problem)")
        } catch {
            throw APIError(connecting: error, access: access)
        }
    }
}
