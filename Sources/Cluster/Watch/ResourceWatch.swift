internal import NIOCore

/// Follows all objects of a kind: a list, then changes, across lost connections and expired versions.
package struct ResourceWatch: Sendable {
    private let connection: APIConnection
    private let resource: APIResource
    private let namespace: String?
    private let selection: APISelection
    private let digest: (@Sendable (JSONValue) -> JSONValue)?

    /// A watch; ``run(_:)`` starts it.
    ///
    /// - Parameters:
    ///   - connection: The client.
    ///   - resource: What to follow.
    ///   - namespace: Where; nil means everywhere.
    ///   - selection: Which of them.
    ///   - digest: Takes of each object of a list what matters, before the next page is read; nil keeps all.
    package init(
        _ connection: APIConnection,
        _ resource: APIResource,
        namespace: String? = nil,
        selection: APISelection = APISelection(),
        digest: (@Sendable (JSONValue) -> JSONValue)? = nil
    ) {
        self.connection = connection
        self.resource = resource
        self.namespace = namespace
        self.selection = selection
        self.digest = digest
    }

    /// Follows until the task is cancelled.
    ///
    /// - Parameter body: Gets every change, one after the other; the server waits while it works.
    /// - Throws: ``APIError`` when not even the first list is possible and waiting would not help (not allowed, no such kind), or of
    ///   kind `cancelled`.
    package func run(_ body: (ResourceChange) async -> Void) async throws(APIError) {
        var machine = WatchMachine()
        var action = machine.onWaited()
        while true {
            do throws(APIError) {
                switch action {
                case .list:
                    let list = try await connection.list(
                        resource,
                        namespace: namespace,
                        selection: selection,
                        digest: digest
                    )
                    await body(.all(list.items))
                    action = machine.onListed(resourceVersion: list.resourceVersion)
                case .watch(let version):
                    let started = ContinuousClock.now
                    try await follow(version, &machine, body)
                    let lasted = ContinuousClock.now - started
                    action = machine.onEnded(lasted: lasted / .seconds(1), jitter: .random(in: 0...1))
                case .wait(let seconds):
                    do {
                        try await Task.sleep(for: .seconds(seconds))
                    } catch {
                        throw APIError(kind: .cancelled, message: "watch \(resource.plural) was cancelled")
                    }
                    action = machine.onWaited()
                case .fail: return
                }
            } catch {
                action = machine.onFailed(error, jitter: .random(in: 0...1))
                if action == .fail || Task.isCancelled { throw error }
                if error.kind != .gone { await body(.interrupted(error)) }
            }
        }
    }

    private func follow(
        _ version: String,
        _ machine: inout WatchMachine,
        _ body: (ResourceChange) async -> Void
    ) async throws(APIError) {
        var query = selection.query
        query.append((name: "watch", value: "true"))
        query.append((name: "allowWatchBookmarks", value: "true"))
        query.append((name: "resourceVersion", value: version))
        query.append((name: "timeoutSeconds", value: String(Int.random(in: 240...480))))
        let request = APIRequest(.watch, resource, namespace: namespace, query: query)
        let stream = try await connection.stream(request)
        var lines = LineReader()
        var iterator = stream.makeAsyncIterator()
        do {
            while let piece = try await iterator.next() {
                lines.feed(piece)
                while let line = try lines.next() {
                    if line.isEmpty { continue }
                    try await take(line, request, &machine, body)
                }
            }
        } catch let error as APIError {
            throw error
        } catch let error as JSONError {
            throw APIError(kind: .malformed, message: "\(request.action): an event is \(error)")
        } catch is LineReader.TooLong {
            throw APIError(kind: .malformed, message: "\(request.action): an event is too long")
        } catch {
            throw APIError(connecting: error, access: connection.access)
        }
        if Task.isCancelled { throw APIError(kind: .cancelled, message: "\(request.action) was cancelled") }
    }

    private func take(
        _ line: [UInt8],
        _ request: APIRequest,
        _ machine: inout WatchMachine,
        _ body: (ResourceChange) async -> Void
    ) async throws {
        guard let event = WatchEvent(json: try JSONValue.parse(line)) else { return }
        switch event {
        case .added(let object), .modified(let object): await body(.updated(object))
        case .deleted(let object): await body(.deleted(object))
        case .bookmark: break
        case .error(let status):
            throw APIError(
                status: status["code"]?.int ?? 500,
                object: status,
                action: request.action,
                access: connection.access
            )
        }
        machine.onEvent(resourceVersion: event.resourceVersion)
    }
}
