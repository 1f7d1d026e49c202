internal import HTTP2
package import NIOCore
internal import NIOPosix

/// A client of one API server as one user, over one HTTP/2 connection that is made again as needed.
///
/// Requests may come from any task, many at once; each is bounded in time, and ended when its task is cancelled. What can be
/// repeated without harm is repeated once after a lost connection, and after an answer that says "later" (`RetryMachine`)
/// as long as the request's time lasts. A refused token is renewed once, where that is possible.
package final class APIConnection: Sendable {
    /// Server, user and default namespace.
    package let access: ClusterAccess
    /// The loop that the connection lives on.
    package let eventLoop: any EventLoop
    private let keeper: APILinkKeeper

    /// Makes a client; nothing is connected yet.
    ///
    /// - Parameters:
    ///   - access: Server, user and default namespace.
    ///   - eventLoop: The loop for the connection; one of the process's own by default.
    ///   - connectTimeout: For TCP; the TLS handshake has its own limit.
    package init(
        access: ClusterAccess,
        eventLoop: any EventLoop = MultiThreadedEventLoopGroup.singleton.next(),
        connectTimeout: TimeAmount = .seconds(10)
    ) {
        self.access = access
        self.eventLoop = eventLoop
        keeper = APILinkKeeper(access: access, eventLoop: eventLoop, timeout: connectTimeout)
    }

    /// Ends the connection and every request on it; the client cannot be used any more.
    package func close() {
        let keeper = keeper
        eventLoop.execute { keeper.close() }
    }

    /// Sends a request and reads the whole answer.
    ///
    /// - Parameters:
    ///   - request: What is asked.
    ///   - timeout: From now to the end of the answer.
    /// - Returns: The answer's object; null when the answer is empty.
    /// - Throws: ``APIError``, also for every status that is no success.
    package func send(_ request: APIRequest, timeout: TimeAmount = .seconds(30)) async throws(APIError) -> JSONValue {
        let body = try await sendRaw(request, timeout: timeout).body
        guard body.readableBytes > 0 else { return .null }
        do throws(JSONError) {
            return try JSONValue.parse([UInt8](body.readableBytesView), limits: JSONLimits(size: 256 << 20))
        } catch {
            throw APIError(kind: .malformed, message: "\(request.action): the server's answer is \(error)")
        }
    }

    /// Sends a request and reads the whole answer as text (`/healthz`, logs).
    package func text(_ request: APIRequest, timeout: TimeAmount = .seconds(30)) async throws(APIError) -> String {
        String(buffer: try await sendRaw(request, timeout: timeout).body)
    }

    /// Sends a request and hands its answer over piece by piece.
    ///
    /// - Parameters:
    ///   - request: What is asked.
    ///   - timeout: From now to the head of the answer; the answer itself may go on for ever.
    /// - Returns: The pieces.
    /// - Throws: ``APIError``, also for every status that is no success.
    package func stream(
        _ request: APIRequest,
        timeout: TimeAmount = .seconds(30)
    ) async throws(APIError) -> APIByteStream {
        let access = access
        let eventLoop = eventLoop
        let (pieces, continuation) = AsyncThrowingStream.makeStream(of: ByteBuffer.self, throwing: (any Error).self)
        let exchange = try await perform(request, timeout) { finish in
            APIExchange(
                body: .streamed(
                    piece: { continuation.yield($0) },
                    end: { failure in
                        continuation.finish(throwing: failure.map { APIError($0, request, access) })
                    }
                ),
                finish: finish
            )
        }.exchange
        continuation.onTermination = { _ in eventLoop.execute { exchange.cancel() } }
        return APIByteStream(pieces: pieces) { bytes in eventLoop.execute { exchange.consume(bytes) } }
    }

    private func sendRaw(_ request: APIRequest, timeout: TimeAmount) async throws(APIError) -> APIExchange.Response {
        try await perform(request, timeout) { finish in APIExchange(body: .collected, finish: finish) }.response
    }

    private typealias Finish = @Sendable (Result<APIExchange.Response, APIExchange.Failure>) -> Void

    /// Tries until there is an answer or no hope.
    private func perform(
        _ request: APIRequest,
        _ timeout: TimeAmount,
        _ make: (@escaping Finish) -> APIExchange
    ) async throws(APIError) -> (exchange: APIExchange, response: APIExchange.Response) {
        let deadline = NIODeadline.now() + Self.shorter(timeout, access.requestTimeout)
        var retry = RetryMachine()
        var renewed = false
        var renewing = false
        var repeated = false
        while true {
            let credential: Credential
            do throws(CredentialError) {
                credential = try await access.credentials.credential(afterRefusal: renewing)
                renewing = false
            } catch {
                throw APIError(connecting: error, access: access)
            }
            let exchange: APIExchange
            let outcome: Result<APIExchange.Response, APIExchange.Failure>
            (exchange, outcome) = await attempt(request, credential, deadline, make)
            switch outcome {
            case .success(let response) where 200..<300 ~= response.status: return (exchange, response)
            case .success(let response):
                if response.status == 401, !renewed, access.credentials.canRefresh {
                    renewed = true
                    renewing = true
                    continue
                }
                let error = APIError(
                    status: response.status,
                    body: [UInt8](response.body.readableBytesView),
                    retryAfter: response.retryAfter,
                    action: request.action,
                    access: access
                )
                let wait = retry.onStatus(
                    response.status,
                    retryAfter: error.retryAfterSeconds.map(Double.init),
                    repeatable: request.isRepeatable,
                    remaining: Double((deadline - .now()).nanoseconds) / 1e9,
                    jitter: .random(in: 0...1)
                )
                // A watch waits by itself, longer and longer.
                guard let wait, request.retriesWhenBusy, request.verb != .watch else { throw error }
                do {
                    try await Task.sleep(for: .seconds(wait))
                } catch {
                    throw APIError(kind: .cancelled, message: "\(request.action) was cancelled")
                }
            case .failure(let failure):
                if case .lost(_, let processed) = failure, !processed || request.isRepeatable, !repeated {
                    repeated = true
                    continue
                }
                throw APIError(failure, request, access)
            }
        }
    }

    private static func shorter(_ timeout: TimeAmount, _ limit: Duration?) -> TimeAmount {
        guard let limit else { return timeout }
        return min(timeout, TimeAmount(limit))
    }

    private func attempt(
        _ request: APIRequest,
        _ credential: Credential,
        _ deadline: NIODeadline,
        _ make: (@escaping Finish) -> APIExchange
    ) async -> (APIExchange, Result<APIExchange.Response, APIExchange.Failure>) {
        let promise = eventLoop.makePromise(of: Result<APIExchange.Response, APIExchange.Failure>.self)
        let exchange = make { result in promise.succeed(result) }
        let content = request.body.map { ByteBuffer(bytes: $0.serialized()) }
        let fields = fields(of: request, credential, length: content?.readableBytes)
        let keeper = keeper
        let eventLoop = eventLoop
        eventLoop.execute {
            exchange.limit(deadline - .now(), on: eventLoop)
            keeper.link(for: credential).whenComplete { result in
                switch result {
                case .success(let link): exchange.start(fields, content, on: link)
                case .failure(let error): exchange.fail(.unconnected(error))
                }
            }
        }
        let result = await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                promise.futureResult.whenSuccess { continuation.resume(returning: $0) }
            }
        } onCancel: {
            eventLoop.execute { exchange.cancel() }
        }
        return (exchange, result)
    }

    private func fields(of request: APIRequest, _ credential: Credential, length: Int?) -> [HeaderField] {
        var fields = [
            HeaderField(name: ":method", value: request.method),
            HeaderField(name: ":scheme", value: "https"),
            HeaderField(name: ":authority", value: access.endpoint.authority),
            HeaderField(name: ":path", value: access.endpoint.basePath + request.target),
            HeaderField(name: "accept", value: "application/json"),
        ]
        if let length {
            fields.append(HeaderField(name: "content-type", value: request.contentType))
            fields.append(HeaderField(name: "content-length", value: String(length)))
        }
        for field in access.requestFields(credential: credential) {
            fields.append(HeaderField(name: field.name, value: field.value))
        }
        return fields
    }
}

extension APIError {
    init(_ failure: APIExchange.Failure, _ request: APIRequest, _ access: ClusterAccess) {
        let server = access.endpoint.url
        switch failure {
        case .lost(let detail, _):
            self.init(
                kind: .unreachable,
                message: "\(request.action): the connection to \(server) was lost (\(detail))"
            )
        case .unconnected(let error):
            self.init(connecting: error, access: access)
        case .timedOut:
            self.init(kind: .timedOut, message: "\(request.action): \(server) did not answer in time")
        case .cancelled:
            self.init(kind: .cancelled, message: "\(request.action) was cancelled")
        case .tooLarge(let limit):
            self.init(kind: .malformed, message: "\(request.action): the answer is longer than \(limit) bytes")
        }
    }
}
