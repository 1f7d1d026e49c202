import HTTP2
import Host
import Message
import Synchronization
import TLS

/// The key of all simulated agents, and the first certificate that the manager issues for it.
///
/// Each agent asks for a certificate, and shows one when it comes back: for the manager that is the work that real agents
/// make. That it is the same one for all saves the machine 20,000 keys and settings, which would be 20,000 pods' own.
final class AgentIdentity: Sendable {
    private let credential: SessionCredential
    private let place: Place
    private let context: Mutex<(settings: TLSContext, isCertified: Bool)>

    init(_ place: Place) throws {
        self.place = place
        credential = try SessionCredential(authorities: place.authority.certificatePEM)
        context = Mutex((try place.client(Link.forward), false))
    }

    var publicKey: [UInt8] { credential.publicKey }

    /// What the next link is dialled with.
    var settings: TLSContext { context.withLock { $0.settings } }

    /// The manager has issued a certificate.
    func take(_ certificate: IssuedCertificate) throws {
        try context.withLock { context in
            guard !context.isCertified else { return }
            credential.take(certificate)
            context = (try credential.context(alpn: Link.forward), true)
        }
    }
}
