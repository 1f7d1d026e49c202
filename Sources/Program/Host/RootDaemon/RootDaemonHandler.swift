import Actor
import Call
import HTTP2
import Message

/// Translates the calls of one link into the actor's terms.
struct RootDaemonHandler: Sendable {
    let daemon: RootDaemon
    let owner: RootOwner
    let shelf: DescriptorShelf
    let version: String
    let status: StatusService

    /// Called when the daemon was asked to end, after the answer has been given.
    let onQuit: @Sendable (Link) -> Void

    var router: CallRouter {
        var router = CallRouter()
        router.unary(RootDaemonCalls.version) { [version] _, _ in VersionInfo(version: version, name: "rootd") }
        router.unary(RootDaemonCalls.status) { [daemon] _, _ in await daemon.status }
        status.register(on: &router)
        router.unary(RootDaemonCalls.setUp) { [self] setup, _ in try await setUp(setup) }
        router.unary(RootDaemonCalls.updateRoutes) { [daemon, owner] update, _ in
            try await Self.translated { () throws(RootFailure) in
                try await daemon.updateRoutes(update.routes, for: owner)
            }
            return Empty()
        }
        router.unary(RootDaemonCalls.tearDown) { [daemon, owner] _, _ in
            try await Self.translated { () throws(RootFailure) in try await daemon.tearDown(for: owner) }
            return Empty()
        }
        router.unary(RootDaemonCalls.quit) { [daemon, owner, onQuit] _, context in
            try await Self.translated { () throws(RootFailure) in try await daemon.mayQuit(for: owner) }
            onQuit(context.link)
            return Empty()
        }
        return router
    }

    private func setUp(_ setup: NetworkSetup) async throws(CallStatus) -> NetworkSetupResult {
        let network = try await Self.translated { () throws(RootFailure) in try await daemon.setUp(setup, for: owner) }
        var result = network.result
        if let network = network as? LinuxNetwork { result.token = shelf.put(network.takeDescriptors()) }
        return result
    }

    private static func translated<Value: Sendable>(
        _ body: () async throws(RootFailure) -> Value
    ) async throws(CallStatus) -> Value {
        do throws(RootFailure) {
            return try await body()
        } catch {
            let code: CallCode =
                switch error.kind {
                case .invalid: .invalidArgument
                case .busy: .failedPrecondition
                case .absent: .failedPrecondition
                case .failed: .internal
                }
            throw CallStatus(code, error.description)
        }
    }
}
