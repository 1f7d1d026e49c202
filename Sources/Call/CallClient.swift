package import HTTP2
import Message
import NIOCore

/// Makes calls over a link on which this side opens streams.
///
/// May be used from any task. Cancelling the task cancels the call; a deadline ends it on both sides.
package struct CallClient: Sendable {
    private let link: Link
    private let scheme: String

    /// - Parameters:
    ///   - link: where this side is the HTTP/2 client.
    ///   - scheme: `https`, or `http` on a Unix socket.
    package init(link: Link, scheme: String = "https") {
        self.link = link
        self.scheme = scheme
    }

    /// One message there, one back.
    package func unary<Request, Response>(
        _ method: CallMethod<Request, Response>,
        _ request: Request,
        timeout: Duration? = nil
    ) async throws(CallStatus) -> Response {
        let responses = try await serverStream(method, request, timeout: timeout)
        guard let response = try await responses.next() else {
            throw CallStatus(.internal, "the response has no message")
        }
        guard try await responses.next() == nil else {
            throw CallStatus(.internal, "the response has more than one message")
        }
        return response
    }

    /// One message there, any number back.
    package func serverStream<Request, Response>(
        _ method: CallMethod<Request, Response>,
        _ request: Request,
        timeout: Duration? = nil
    ) async throws(CallStatus) -> CallMessages<Response> {
        let (writer, responses) = try await bidirectional(method, timeout: timeout)
        do throws(CallStatus) {
            try await writer.send(request)
        } catch {
            // The call was over before the request was out: the responses say why.
            guard error.code == .cancelled else { throw error }
        }
        writer.finish()
        return responses
    }

    /// Any number of messages each way.
    package func bidirectional<Request, Response>(
        _ method: CallMethod<Request, Response>,
        timeout: Duration? = nil
    ) async throws(CallStatus) -> (CallWriter<Request>, CallMessages<Response>) {
        let handle = CallHandle(try await open(method.path, timeout).get(), cancels: true)
        return (CallWriter(handle), CallMessages(handle))
    }

    private func open(_ path: String, _ timeout: Duration?) async -> Result<CallExchange, CallStatus> {
        var fields = [
            HeaderField(":method", "POST"),
            HeaderField(":scheme", scheme),
            HeaderField(":path", path),
            HeaderField(":authority", "telepresence"),
            HeaderField("content-type", CallFields.contentType),
        ]
        if let timeout { fields.append(HeaderField(CallFields.timeout, CallTimeout.text(timeout))) }
        let request = fields
        return await withCheckedContinuation { continuation in
            link.eventLoop.execute {
                do throws(HTTP2Error) {
                    let stream = try link.open(request, endStream: false)
                    continuation.resume(returning: .success(CallExchange(stream, .client, timeout: timeout)))
                } catch {
                    continuation.resume(returning: .failure(CallStatus(.unavailable, error.description)))
                }
            }
        }
    }
}
