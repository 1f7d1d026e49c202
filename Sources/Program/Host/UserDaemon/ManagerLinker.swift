import Actor
import Call
import HTTP2
import NIOCore
import TLS
import Tunnel

/// Makes links with a traffic manager and its agents out of connections to them, whichever way these take.
struct ManagerLinker: Sendable {
    let manager: ManagerPlace
    /// What the manager has issued to the session.
    let credential: SessionCredential
    let targets: NIOLoopBound<LocalTargets>
    let eventLoop: any EventLoop
    /// What the manager may ask on reverse links.
    var status: StatusService?

    /// A link for calls and outbound tunnels.
    ///
    /// - Parameters:
    ///   - channel: A fresh connection to the manager.
    ///   - proof: Who the user is: a renewal of the session's certificate needs it on the link, too.
    /// - Returns: The link, once TLS stands.
    /// - Throws: What TLS or the credential says.
    func forward(over channel: any Channel, _ proof: WorkstationProof) async throws -> NIOLoopBound<Link> {
        try await link(over: channel, proof.context(manager), serverName: manager.serverName) { _ in }
    }

    /// A link on which the manager opens tunnels towards this workstation; the manager has taken it.
    ///
    /// - Parameter channel: A fresh connection to the manager.
    /// - Returns: The link.
    /// - Throws: What TLS says, or ``CallStatus`` when the manager refuses the link or is silent for 15 s.
    func reverse(over channel: any Channel) async throws -> NIOLoopBound<Link> {
        let admission = LinkAdmission()
        var router = admission.router
        // Its state is the manager's to ask for; its log and its level are the user's alone.
        status?.register(on: &router, operable: false)
        return try await taken(over: channel, admission, router, serverName: manager.serverName) { _ in nil }
    }

    /// A link on which an agent opens tunnels towards this workstation; the agent has taken it.
    ///
    /// - Parameters:
    ///   - pod: Whose agent: its certificate must say so.
    ///   - channel: A fresh connection to it.
    /// - Returns: The link.
    /// - Throws: What TLS says, or ``CallStatus`` when the agent is another, refuses the link or is silent for 15 s.
    func agent(_ pod: AgentPod, over channel: any Channel) async throws -> NIOLoopBound<Link> {
        let admission = LinkAdmission(by: "the agent")
        return try await taken(over: channel, admission, admission.router, serverName: nil) { certificate in
            Self.isAgent(of: pod, certificate) ? nil : "it does not prove to be that of pod \(pod)"
        }
    }

    /// A link on which the other side opens tunnels; it has taken the link.
    ///
    /// `objection` says what speaks against the other side's certificate: then its streams are refused.
    private func taken(
        over channel: any Channel,
        _ admission: LinkAdmission,
        _ calls: CallRouter,
        serverName: String?,
        objection: @escaping @Sendable (PeerCertificate?) -> String?
    ) async throws -> NIOLoopBound<Link> {
        let targets = targets
        let context = try credential.context(alpn: Link.reverse)
        let reverse = try await link(over: channel, context, serverName: serverName) { link in
            link.onClose = { admission.closed("\($0)") }
            if let reason = objection(link.peerCertificate) {
                admission.closed(reason)
                link.onStream = { stream, _, _ in stream.reset(.refusedStream) }
                return
            }
            link.onStream = { stream, fields, _ in
                if targets.value.handle(stream, fields) { return }
                if !calls.handle(stream, fields) { stream.reset(.refusedStream) }
            }
        }
        do throws(CallStatus) {
            try await admission.verdict(within: .seconds(15))
        } catch {
            eventLoop.execute { reverse.value.close() }
            throw error
        }
        return reverse
    }

    private static func isAgent(of pod: AgentPod, _ certificate: PeerCertificate?) -> Bool {
        guard let certificate, case .agent(let principal)? = CertificateName(certificate),
            case .agent(let namespace, let name, _, _) = principal
        else { return false }
        return namespace == pod.namespace && name == pod.name
    }

    private func link(
        over channel: any Channel,
        _ context: TLSContext,
        serverName: String?,
        onStart: @escaping @Sendable (Link) -> Void
    ) async throws -> NIOLoopBound<Link> {
        let eventLoop = eventLoop
        return try await eventLoop.flatSubmit {
            Link.startTLS(
                on: channel,
                context: context,
                dialler: serverName,
                configuration: LinkConfiguration(onStart: onStart)
            ).map { NIOLoopBound($0, eventLoop: eventLoop) }
        }.get()
    }
}
