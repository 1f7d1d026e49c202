internal import HTTP2
package import NIOCore
internal import TLS

/// Forwards one TCP connection to a port of a pod through the API server.
///
/// It takes the first of the ways in ``PortForwardWay`` that the server, and whatever is in between, lets through, and remembers
/// it for some time.
package enum PortForward {
    /// What was taken in place of the first way, and why.
    package struct Detour: Sendable, Equatable {
        package let way: PortForwardWay
        /// What was said to the ways before it.
        package let reason: String
    }

    /// An attempt by one way.
    private struct Attempt {
        let access: ClusterAccess
        let namespace: String
        let pod: String
        let port: Int
        let eventLoop: any EventLoop
        let timeout: TimeAmount
        let initializer: @Sendable (any Channel) throws -> Void
    }

    private struct Failure: Error {
        let error: APIError
        /// Another way may succeed.
        let isOfTheWay: Bool
    }

    private static let memory = PortForwardMemory()

    /// The detour that port-forwards through an API server take at present; nil where the first way is taken.
    package static func detour(_ endpoint: ClusterEndpoint) -> Detour? { memory.detour(at: endpoint) }

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
    ///   - timeout: for connecting, TLS and upgrade together, by each way.
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
        let endpoint = access.endpoint
        let attempt = Attempt(
            access: access,
            namespace: namespace,
            pod: pod,
            port: port,
            eventLoop: eventLoop,
            timeout: timeout,
            initializer: initializer
        )
        var refused: [(way: PortForwardWay, error: APIError)] = []
        var afterRefusal = false
        for way in memory.order(at: endpoint) {
            var again = true
            while again {
                again = false
                do throws(Failure) {
                    let channel = try await begin(attempt, by: way, afterRefusal: afterRefusal)
                    let reasons = refused.map { "\($0.way.rawValue): \($0.error.message)" }
                    memory.took(way, after: reasons, at: endpoint)
                    return channel
                } catch {
                    if error.error.kind == .unauthorized, !afterRefusal, access.credentials.canRefresh {
                        // A token may just have expired: a fresh one decides.
                        afterRefusal = true
                        again = true
                    } else {
                        guard error.isOfTheWay else { throw error.error }
                        refused.append((way, error.error))
                    }
                }
            }
        }
        throw Self.failure(refused, endpoint.url)
    }

    /// Every way was refused.
    private static func failure(_ refused: [(way: PortForwardWay, error: APIError)], _ url: String) -> APIError {
        guard let first = refused.first?.error else {
            return APIError(kind: .malformed, message: "there is no way of port-forwarding through \(url)")
        }
        guard refused.contains(where: { $0.error.message != first.message }) else { return first }
        let each = refused.map { "by \($0.way.rawValue): \($0.error.message)" }
        return APIError(
            kind: first.kind,
            status: first.status,
            reason: first.reason,
            message: "\(url) refuses every way of port-forwarding; " + each.joined(separator: "; ")
        )
    }

    private static func begin(
        _ attempt: Attempt,
        by way: PortForwardWay,
        afterRefusal: Bool
    ) async throws(Failure) -> any Channel {
        let access = attempt.access
        let action = "port-forward to pod \"\(attempt.pod)\" in namespace \"\(attempt.namespace)\""
        do {
            let credential = try await access.credentials.credential(afterRefusal: afterRefusal)
            let tls = try access.tlsContext(credential: credential, alpn: ["http/1.1"])
            var path = "/api/v1/namespaces/\(attempt.namespace)/pods/\(attempt.pod)/portforward"
            // By SPDY each stream names its port.
            if way == .channels { path += "?ports=\(attempt.port)" }
            let request = PortForwardHandler.Request(
                way: way,
                path: access.endpoint.basePath + path,
                authority: access.endpoint.authority,
                fields: access.requestFields(credential: credential)
            )
            return try await dial(attempt, request, tls)
        } catch PortForwardHandler.Refusal.refused(let status, let body, let retryAfter) {
            throw Failure(
                error: APIError(status: status, body: body, retryAfter: retryAfter, action: action, access: access),
                isOfTheWay: isOfTheWay(status, body)
            )
        } catch PortForwardHandler.Refusal.violation(let problem) {
            let message = "\(action) through \(access.endpoint.url) failed: \(problem)"
            throw Failure(error: APIError(kind: .malformed, message: message), isOfTheWay: true)
        } catch {
            throw Failure(error: APIError(connecting: error, access: access), isOfTheWay: false)
        }
    }

    private static func dial(
        _ attempt: Attempt,
        _ request: PortForwardHandler.Request,
        _ tls: TLSContext
    ) async throws -> any Channel {
        let endpoint = attempt.access.endpoint
        let serverName = endpoint.tlsServerName ?? endpoint.host
        let timeout = attempt.timeout
        return try await ServerDial.connect(endpoint, on: attempt.eventLoop, timeout: timeout)
            .flatMap { channel -> EventLoopFuture<any Channel> in
                let upgraded = channel.eventLoop.makePromise(of: Void.self)
                let late = channel.eventLoop.scheduleTask(in: timeout) {
                    upgraded.fail(ChannelError.connectTimeout(timeout))
                }
                do {
                    let pipeline = channel.pipeline.syncOperations
                    let handler = PortForwardHandler(request: request, upgraded: upgraded)
                    try pipeline.addHandlers(TLSHandler(context: tls, role: .client(serverName: serverName)), handler)
                    if request.way != .channels { try pipeline.addHandler(SPDYForwardHandler(port: attempt.port)) }
                } catch {
                    upgraded.fail(error)
                }
                return upgraded.futureResult.flatMapThrowing {
                    late.cancel()
                    try attempt.initializer(channel)
                    return channel
                }.flatMapErrorThrowing { error in
                    late.cancel()
                    channel.close(promise: nil)
                    throw error
                }
            }.get()
    }

    /// Whether an answer refuses the way rather than what was asked for.
    ///
    /// Proxies that know no upgrades answer all sorts of things; servers say 400 or 403 to protocols that they do not know, and
    /// older ones want the right to `get` for a WebSocket, which is a GET, and to `create` for SPDY, which is a POST.
    static func isOfTheWay(_ status: Int, _ body: [UInt8]) -> Bool {
        switch status {
        case 200..<400, 400, 405, 406, 415, 426, 501, 502: true
        case 403: !String(decoding: body.prefix(4096), as: UTF8.self).contains("cannot create resource")
        default: false
        }
    }
}
