import Call
import HTTP2
import Message
import NIOCore
import NIOPosix
import TLS
import Tunnel

@testable import Host

/// A workstation: a session, a forward link for calls and tunnels, and a reverse link that dials its own loopback.
actor TestWorkstation {
    let link: Link
    let reverse: Link
    let credential: SessionCredential
    /// Tunnels that came through the manager; on the reverse link's loop.
    let ledger: TunnelLedger
    private(set) var welcome: Welcome
    private let writer: CallWriter<ParticipantMessage>
    private var results: [String: RequestResult] = [:]
    private(set) var attachments: [String: Message.Attachment] = [:]
    private(set) var isOver = false
    private var watchers: [CheckedContinuation<Void, Never>] = []
    private var count = 0

    init(
        _ scene: ManagerScene,
        user: String = "ann",
        resume: Welcome? = nil
    ) async throws {
        let credential = try SessionCredential(authorities: scene.authority.certificatePEM)
        let ledger = TunnelLedger()
        (self.credential, self.ledger) = (credential, ledger)
        link = try await scene.dial(Link.forward)
        let (writer, messages) = try await CallClient(link: link).bidirectional(ManagerCalls.session)
        self.writer = writer
        let hello = Hello(
            kind: .client,
            sessionID: resume?.sessionID ?? "",
            client: ClientHello(user: user, host: "box", namespace: "default"),
            secret: resume?.secret ?? [],
            publicKey: credential.publicKey
        )
        try await writer.send(.hello(hello))
        guard case .welcome(let welcome)? = try await messages.next() else { throw CallStatus(.internal, "no welcome") }
        self.welcome = welcome
        if let certificate = welcome.certificate { credential.take(certificate) }
        let calls = LinkAdmission().router
        reverse = try await scene.dial(
            credential.context(alpn: Link.reverse),
            LinkConfiguration { link in
                let tunnels = TunnelServer(eventLoop: link.eventLoop, ledger: ledger) { request, answer in
                    answer(.dial(request.destination))
                }
                link.onStream = { stream, fields, _ in
                    if !calls.handle(stream, fields), !tunnels.handle(stream, fields) { stream.reset(.refusedStream) }
                }
            }
        )
        Task {
            while let message = try? await messages.next() { self.take(message) }
            self.ended()
        }
    }

    private func take(_ message: ManagerMessage) {
        switch message {
        case .requestResult(let result): results[result.requestID] = result
        case .attachmentChange(let change):
            attachments[change.attachment.id] = change.removed ? nil : change.attachment
        default: break
        }
        wake()
    }

    private func ended() {
        isOver = true
        wake()
    }

    private func wake() {
        for watcher in watchers { watcher.resume() }
        watchers = []
    }

    func until(_ condition: @Sendable (isolated TestWorkstation) -> Bool) async {
        while !condition(self) { await withCheckedContinuation { watchers.append($0) } }
    }

    func intercept(localPort: UInt16, name: String = "web") async throws -> RequestResult {
        try await attach(.intercept, localPort: localPort, name: name)
    }

    func attach(
        _ kind: AttachmentKind,
        localPort: UInt16,
        name: String = "web",
        headers: [String: String] = [:],
        plaintext: Bool = false
    ) async throws -> RequestResult {
        count += 1
        let id = "r\(count)"
        let spec = AttachmentSpec(
            name: name,
            kind: kind,
            workload: "web",
            ports: [PortSpec(remote: "p", localPort: localPort)],
            headers: headers,
            plaintext: plaintext
        )
        try await writer.send(.attachRequest(AttachRequest(requestID: id, spec: spec)))
        await until { $0.results[id] != nil || $0.isOver }
        guard let result = results[id] else { throw CallStatus(.unavailable, "session over") }
        return result
    }

    func leave(_ name: String = "web") async throws {
        count += 1
        let id = "r\(count)"
        try await writer.send(.detachRequest(DetachRequest(requestID: id, name: name)))
        await until { $0.results[id] != nil }
    }

    /// Ends both links, without a word.
    func cut() {
        for link in [link, reverse] { link.eventLoop.execute { link.channel.close(promise: nil) } }
    }

    /// How many tunnels the manager has relayed.
    func relayed() async throws -> UInt64 {
        let ledger = ledger
        return try await reverse.eventLoop.submit { ledger.opened }.get()
    }

    /// Stops reading from both links, as a workstation does whose network is gone: nothing is closed.
    func freeze() async throws {
        for link in [link, reverse] { try await link.channel.setOption(.autoRead, value: false).get() }
    }

    func thaw() async throws {
        for link in [link, reverse] {
            try await link.channel.setOption(.autoRead, value: true).get()
            link.channel.read()
        }
    }
}
