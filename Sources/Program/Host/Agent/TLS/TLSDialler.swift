import Actor
import HTTP2
import NIOCore
import TLS
import Tunnel

/// Dials as another does, and puts TLS on what it opens: for requests that came over TLS which has been ended here.
///
/// A workstation that wants plain text gets it. One that does not speak TLS, or not the same application protocol, is as one that
/// does not answer: the app gets the request. Confined to the loop.
final class TLSDialler: UpstreamDialler {
    /// For so long a workstation that does not speak TLS is not asked again: requests would wait for it in vain.
    static let pause = TimeAmount.seconds(5)

    private let base: any UpstreamDialler
    private let certificates: PortCertificates
    /// What the client has asked for.
    private let serverName: String?
    /// What the client was answered with.
    private let alpn: String?
    private let timeout: TimeAmount
    private let onFailure: (RequestDestination, any Error) -> Void
    private var shunned: [AgentRoutes.Target: NIODeadline] = [:]

    /// - Parameters:
    ///   - base: Opens the connections.
    ///   - certificates: What is shown, and whom is believed.
    ///   - serverName: What the client asked for.
    ///   - alpn: The application protocol that the client speaks.
    ///   - timeout: How long a handshake may take.
    ///   - onFailure: Gets why TLS failed.
    init(
        _ base: any UpstreamDialler,
        _ certificates: PortCertificates,
        serverName: String?,
        alpn: String?,
        timeout: TimeAmount,
        onFailure: @escaping (RequestDestination, any Error) -> Void
    ) {
        self.base = base
        self.certificates = certificates
        self.serverName = serverName
        self.alpn = alpn
        self.timeout = timeout
        self.onFailure = onFailure
    }

    /// The protocol is another one than the client's.
    struct OtherProtocol: Error, CustomStringConvertible {
        let wanted: String
        let got: String?
        var description: String { "it does not speak \(wanted), as the client does, but \(got ?? "something else")" }
    }

    func dialApp(then completion: @escaping (Result<any Channel, any Error>) -> Void) {
        base.dialApp { [self] result in
            switch result {
            case .success(let channel): secure(channel, .app, completion) { try $0.app(alpn: $1) }
            case .failure(let error): completion(.failure(error))
            }
        }
    }

    func hasWay(to target: AgentRoutes.Target) -> Bool {
        if let end = shunned[target] {
            guard end <= .now() else { return false }
            shunned[target] = nil
        }
        return base.hasWay(to: target)
    }

    func dialWorkstation(
        _ target: AgentRoutes.Target,
        then completion: @escaping (Result<any Channel, DialFailure>) -> Void
    ) {
        base.dialWorkstation(target) { [self] result in
            guard case .success(let channel) = result, !target.isPlaintext else { return completion(result) }
            secure(channel, .workstation(target)) { [self] secured in
                if case .failure = secured { shunned[target] = .now() + Self.pause }
                completion(secured.mapError { .failed("TLS: \($0)") })
            } context: {
                try $0.workstation(alpn: $1)
            }
        }
    }

    private func secure(
        _ channel: any Channel,
        _ destination: RequestDestination,
        _ completion: @escaping (Result<any Channel, any Error>) -> Void,
        context: (PortCertificates, [String]) throws -> TLSContext
    ) {
        let tls: TLSContext
        do {
            tls = try context(certificates, alpn.map { [$0] } ?? [])
        } catch {
            channel.close(promise: nil)
            onFailure(destination, error)
            return completion(.failure(error))
        }
        TLSHandshake.perform(on: channel, tls, .client(serverName: serverName), within: timeout) { [self] result in
            do {
                let completed = try result.get()
                // HTTP/1.1 is what is spoken where nothing is said.
                if let alpn, alpn != completed.alpn, alpn != "http/1.1" || completed.alpn != nil {
                    throw OtherProtocol(wanted: alpn, got: completed.alpn)
                }
                completion(.success(channel))
            } catch {
                channel.close(promise: nil)
                onFailure(destination, error)
                completion(.failure(error))
            }
        }
    }
}
