import Actor
import TLS

/// Whom a certificate of the manager's authority is about, as URIs in its subject alternative name.
enum CertificateName: Equatable {
    /// A session: `telepresence://session/<id>`.
    case session(String)
    /// An agent: `telepresence://agent/<namespace>/<pod>`, with the pod's uid and service account beside it.
    case agent(Principal)
    /// The manager itself: `telepresence://manager`.
    case manager

    private static let scheme = "telepresence://"

    /// The name of a participant's certificate: an agent is known by its pod, anybody else by its session.
    init(session: String, of principal: Principal) {
        if case .agent = principal { self = .agent(principal) } else { self = .session(session) }
    }

    /// Reads the URIs of a certificate; nil when they say none of these.
    init?(_ certificate: PeerCertificate) {
        var names: [String: [Substring]] = [:]
        for uri in certificate.uris where uri.hasPrefix(Self.scheme) {
            let parts = uri.dropFirst(Self.scheme.count).split(separator: "/", omittingEmptySubsequences: false)
            guard let kind = parts.first, parts.dropFirst().allSatisfy({ !$0.isEmpty }) else { return nil }
            // Two of a kind would leave open which one is meant.
            guard names.updateValue(Array(parts.dropFirst()), forKey: String(kind)) == nil else { return nil }
        }
        if let session = names["session"], session.count == 1, names.count == 1 {
            self = .session(String(session[0]))
        } else if let pod = names["agent"], pod.count == 2, let uid = names["pod-uid"], uid.count == 1,
            let account = names["service-account"], account.count == 1, names.count == 3
        {
            self = .agent(
                .agent(
                    namespace: String(pod[0]),
                    pod: String(pod[1]),
                    podUID: String(uid[0]),
                    serviceAccount: String(account[0])
                )
            )
        } else if names["manager"] == [], names.count == 1 {
            self = .manager
        } else {
            return nil
        }
    }

    /// The URIs that say it; none for what cannot be said.
    var uris: [String] {
        switch self {
        case .session(let id): ["\(Self.scheme)session/\(id)"]
        case .agent(.agent(let namespace, let pod, let uid, let account)):
            [
                "\(Self.scheme)agent/\(namespace)/\(pod)", "\(Self.scheme)pod-uid/\(uid)",
                "\(Self.scheme)service-account/\(account)",
            ]
        case .agent: []
        case .manager: ["\(Self.scheme)manager"]
        }
    }

    /// The common name: for people only, at most 64 bytes.
    var commonName: String {
        switch self {
        case .session(let id): String("session \(id)".prefix(64))
        case .agent(.agent(_, let pod, _, _)): String("agent \(pod)".prefix(64))
        case .agent: "agent"
        case .manager: "traffic-manager"
        }
    }
}
