import HTTP2
import Message
import NIOCore
import Tunnel

/// Serves the tunnels that agents open towards the workstation: only to the targets of this session's own attachments.
///
/// Confined to the link's event loop.
final class LocalTargets {
    private struct Target: Hashable {
        let host: String
        let port: UInt16
        let udp: Bool
    }

    /// Reaches a handler that runs inside isolated namespaces: an open socket's channel, or nil where nobody listens there.
    typealias InsideDial = (TunnelDestination, @escaping ((any Channel)?) -> Void) -> Void

    /// What becomes of a tunnel that an agent was asked for, or of him who asked where there is none.
    ///
    /// Called once, on the loop.
    typealias Meeting = @Sendable (DialFailure?) -> TunnelServer.Route

    private var allowed: Set<Target> = []
    private var server: TunnelServer?
    /// Who waits for an agent's tunnel with volumes, by ticket.
    private var callers: [String: any Channel] = [:]
    /// Who waits for an agent's tunnel with a port of its pod, by ticket.
    private var meetings: [String: Meeting] = [:]
    /// Tunnels opened by agents.
    let ledger = TunnelLedger()
    /// Set in isolated mode.
    var inside: InsideDial?

    private let eventLoop: any EventLoop

    init(eventLoop: any EventLoop) {
        self.eventLoop = eventLoop
        server = TunnelServer(eventLoop: eventLoop, dialTimeout: .seconds(3), ledger: ledger) {
            [unowned self] request, answer in
            route(request, answer)
        }
    }

    /// The attachments whose targets may be reached from now on.
    func allow(_ attachments: [Attachment]) {
        allowed = []
        for attachment in attachments {
            for port in attachment.ports {
                allowed.insert(Target(host: port.localAddress, port: port.localPort, udp: port.protocol == .udp))
            }
            for port in attachment.spec.ports {
                // A port that is not named yet is the container's own: known once the attachment is.
                allowed.insert(Target(host: port.localAddress, port: port.localPort, udp: port.protocol == .udp))
            }
        }
    }

    /// The agent's next tunnel with this ticket is joined with a channel, which is closed when none comes in time.
    ///
    /// Calls `gaveUp` then.
    func expect(
        _ ticket: String,
        for caller: any Channel,
        within patience: TimeAmount,
        gaveUp: @escaping @Sendable () -> Void
    ) {
        callers[ticket] = caller
        caller.eventLoop.assumeIsolated().scheduleTask(in: patience) { [weak self] in
            guard let self, let caller = callers.removeValue(forKey: ticket) else { return }
            caller.close(promise: nil)
            gaveUp()
        }
    }

    /// The agent's next tunnel with this ticket is for `meet`, which is told when none comes in time.
    func expect(_ ticket: String, within patience: TimeAmount, _ meet: @escaping Meeting) {
        meetings[ticket] = meet
        eventLoop.assumeIsolated().scheduleTask(in: patience) { [weak self] in self?.giveUp(ticket) }
    }

    /// Nobody waits for this ticket any more; its channel stays as it is.
    func leave(_ ticket: String) {
        callers[ticket] = nil
    }

    /// There will be no tunnel with this ticket.
    func giveUp(_ ticket: String) {
        _ = meetings.removeValue(forKey: ticket)?(.timeout)
    }

    /// Takes a stream of the reverse link; false where it does not ask for a tunnel.
    func handle(_ stream: HTTP2Stream, _ fields: [HeaderField]) -> Bool {
        server?.handle(stream, fields) ?? false
    }

    private func route(_ request: TunnelRequest, _ answer: @escaping (TunnelServer.Route) -> Void) {
        if let ticket = request.value("tp-volume") {
            guard let caller = callers.removeValue(forKey: ticket), caller.isActive else {
                return answer(.refuse(.policy))
            }
            caller.writeAndFlush(ByteBuffer(string: "+"), promise: nil)
            return answer(.adopt(caller))
        }
        if let ticket = request.value("tp-ticket") {
            guard let meet = meetings.removeValue(forKey: ticket) else { return answer(.refuse(.policy)) }
            return answer(meet(request.value("tp-refused") == nil ? nil : .refused))
        }
        let destination = request.destination
        let target = Target(host: destination.host, port: destination.port, udp: request.transport == .udp)
        guard allowed.contains(target) else { return answer(.refuse(.policy)) }
        // A probe only asks whether this workstation is there.
        guard request.value("tp-probe") == nil else { return answer(.refuse(.refused)) }
        guard let inside, request.transport == .tcp else { return answer(.dial(destination)) }
        inside(destination) { channel in
            if let channel { answer(.adopt(channel)) } else { answer(.dial(destination)) }
        }
    }
}
