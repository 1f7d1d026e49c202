import Actor
import HTTP2
import NIOCore
import Tunnel

/// Tunnels to workstations: over the session's direct link where it stands, else by way of the manager.
///
/// Each tunnel chooses anew, and stays where it is. All of it on the loop.
extension AgentLink {
    /// Whether there is any way to the workstation.
    func hasWay(to target: AgentRoutes.Target) -> Bool {
        dialler != nil || door?.way(to: target.sessionID, within: .zero) != nil
    }

    /// Opens a TCP tunnel to the workstation.
    ///
    /// - Parameters:
    ///   - target: Where the workstation wants it.
    ///   - fields: Travel with the request besides the usual ones.
    ///   - patience: How long to wait for an answer.
    ///   - completion: Called once, never synchronously.
    func openTCP(
        to target: AgentRoutes.Target,
        adding fields: [HeaderField] = [],
        within patience: TimeAmount,
        then completion: @escaping (Result<HTTP2Stream, DialFailure>) -> Void
    ) {
        let fields = WorkstationFields.fields(target) + fields
        open(to: target, within: patience, then: completion) { dialler, patience, then in
            dialler.openTCP(to: WorkstationFields.destination(target), fields: fields, timeout: patience, then: then)
        }
    }

    /// Opens a UDP tunnel to the workstation, in the same manner.
    func openUDP(
        to target: AgentRoutes.Target,
        adding fields: [HeaderField] = [],
        within patience: TimeAmount,
        then completion: @escaping (Result<UDPTunnel, DialFailure>) -> Void
    ) {
        let fields = WorkstationFields.fields(target) + fields
        open(to: target, within: patience, then: completion) { dialler, patience, then in
            dialler.openUDP(to: WorkstationFields.destination(target), fields: fields, timeout: patience, then: then)
        }
    }

    private func open<Tunnel>(
        to target: AgentRoutes.Target,
        within patience: TimeAmount,
        then completion: @escaping (Result<Tunnel, DialFailure>) -> Void,
        by dial: @escaping (TunnelDialler, TimeAmount, @escaping (Result<Tunnel, DialFailure>) -> Void) -> () -> Void
    ) {
        guard let door, let way = door.way(to: target.sessionID, within: patience) else {
            guard let dialler else {
                return eventLoop.assumeIsolated().execute { completion(.failure(.linkLost)) }
            }
            _ = dial(dialler, patience, completion)
            return
        }
        let began = NIODeadline.now()
        _ = dial(way.dialler, way.patience) { [self] result in
            switch result {
            case .success:
                counts.direct += 1
                completion(result)
            case .failure(.refused), .failure(.policy), .failure(.unreachable):
                // The workstation's own word: it would be the same on any way.
                completion(result)
            case .failure(let failure):
                if failure == .timeout { door.unanswered(way) }
                guard let dialler else { return completion(result) }
                // Nothing has been read from the caller: it does not notice.
                let left = patience - (NIODeadline.now() - began)
                _ = dial(dialler, max(left, .nanoseconds(patience.nanoseconds / 2)), completion)
            }
        }
    }
}
