package import HTTP2
import Message
import NIOCore

/// Answers calls: finds the handler for a request's path and runs it in a task of its own.
///
/// Register all handlers first, then hand copies out. A handler throws a ``CallStatus`` to say how the call failed; any other
/// error is told as INTERNAL without details. Its task is cancelled when the caller cancels, the deadline passes, or the
/// link is lost.
package struct CallRouter: Sendable {
    private typealias Handler = @Sendable (CallHandle, CallContext) async throws -> Void

    private var handlers: [String: Handler] = [:]

    package init() {}

    /// One message in, one out.
    package mutating func unary<Request, Response>(
        _ method: CallMethod<Request, Response>,
        _ body: @escaping @Sendable (Request, CallContext) async throws -> Response
    ) {
        handlers[method.path] = { handle, context in
            let response = try await body(try await Self.single(handle), context)
            try await CallWriter(handle).send(response)
        }
    }

    /// One message in, any number out.
    package mutating func serverStream<Request, Response>(
        _ method: CallMethod<Request, Response>,
        _ body: @escaping @Sendable (Request, CallWriter<Response>, CallContext) async throws -> Void
    ) {
        handlers[method.path] = { handle, context in
            try await body(try await Self.single(handle), CallWriter(handle), context)
        }
    }

    /// Any number of messages each way.
    ///
    /// The call ends when the handler returns.
    package mutating func bidirectional<Request, Response>(
        _ method: CallMethod<Request, Response>,
        _ body: @escaping @Sendable (CallMessages<Request>, CallWriter<Response>, CallContext) async throws -> Void
    ) {
        handlers[method.path] = { handle, context in
            try await body(CallMessages(handle), CallWriter(handle), context)
        }
    }

    /// Answers all requests of a link; what is not a call gets 404.
    package func serve(_ link: Link) {
        link.onStream = { stream, fields, _ in
            if !handle(stream, fields) {
                stream.sendHeaders([HeaderField(":status", "404")], endStream: true)
            }
        }
    }

    /// Answers a request, on the link's loop.
    ///
    /// False when it is not a call at all: then nothing was done.
    package func handle(_ stream: HTTP2Stream, _ fields: [HeaderField]) -> Bool {
        guard fields[":method"] == "POST", let path = fields[":path"], path.hasPrefix(CallFields.pathPrefix) else {
            return false
        }
        guard fields["content-type"] == CallFields.contentType else {
            stream.sendHeaders([HeaderField(":status", "415")], endStream: true)
            return true
        }
        var timeout: Duration?
        var refusal: CallStatus?
        if let text = fields[CallFields.timeout] {
            timeout = CallTimeout.parse(text)
            if timeout == nil { refusal = CallStatus(.invalidArgument, "tp-timeout is not a timeout") }
        }
        let exchange = CallExchange(stream, .server, timeout: timeout)
        guard let handler = handlers[path], refusal == nil else {
            exchange.finish(refusal ?? CallStatus(.unimplemented, "there is no method \(path)"))
            return true
        }
        let context = CallContext(link: stream.link, timeout: timeout)
        exchange.setHandler(
            Task {
                do {
                    try await handler(CallHandle(exchange, cancels: false), context)
                    exchange.finish(.ok)
                } catch let status as CallStatus {
                    exchange.finish(status)
                } catch is CancellationError {
                    exchange.finish(CallStatus(.cancelled, "the call was cancelled"))
                } catch {
                    exchange.finish(CallStatus(.internal, "the handler failed"))
                }
            }
        )
        return true
    }

    private static func single<Request: WireMessage>(_ handle: CallHandle) async throws(CallStatus) -> Request {
        guard let request = try await CallMessages<Request>(handle).next() else {
            throw CallStatus(.invalidArgument, "the request has no message")
        }
        return request
    }
}
