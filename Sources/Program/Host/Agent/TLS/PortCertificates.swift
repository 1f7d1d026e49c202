import Cluster
import Glibc
import Kernel
import TLS

/// The certificates for one port, as they are in the files at present.
///
/// The kubelet renews the files of secrets while the pod runs: each new connection asks for three or six times whether a file is
/// another one, which costs microseconds, and only then reads. What cannot be read leaves what was there before in force. Confined to
/// the loop.
final class PortCertificates {
    /// Why there is no certificate.
    struct Problem: Error, CustomStringConvertible {
        let description: String
    }

    /// The certificates of an app that has not taken up its new one are good for so many renewals.
    private static let formerLimit = 4

    private let settings: AgentConfig.TLS
    private let downstream: Directory
    private let upstream: Directory?
    /// The certificates that callers were shown before the present one.
    private var former: [[UInt8]] = []
    private var servers: [ServerKey: TLSContext] = [:]
    private var clients: [ClientKey: TLSContext] = [:]

    private struct ServerKey: Hashable {
        let alpn: [String]
        let asks: Bool
    }

    private struct ClientKey: Hashable {
        let alpn: [String]
        let isApp: Bool
    }

    init(_ settings: AgentConfig.TLS) {
        self.settings = settings
        downstream = Directory(settings.downstream)
        upstream = settings.upstream.map { Directory($0) }
    }

    /// Reads anew what has changed.
    ///
    /// Throws what is missing for TLS to be ended here.
    func refresh() throws(Problem) {
        let shown = downstream.certificates
        let isNew = downstream.refresh()
        let isNewUpstream = upstream?.refresh() ?? false
        if isNew || isNewUpstream {
            (servers, clients) = ([:], [:])
            if let shown, shown != downstream.certificates { former = [shown] + former.prefix(Self.formerLimit - 1) }
        }
        guard downstream.identity != nil else {
            throw Problem(description: downstream.problem ?? "there is no certificate in \(settings.downstream)")
        }
        // Who wants to show one must not appear without.
        if let upstream, upstream.identity == nil, upstream.authorities == nil {
            throw Problem(description: upstream.problem ?? "there is no certificate in \(upstream.path)")
        }
    }

    /// Whether callers' certificates can be checked.
    var canCheckCallers: Bool { downstream.authorities != nil }

    /// Whether the app can be shown a certificate.
    var hasOwnForApp: Bool { upstream?.identity != nil }

    /// What callers are met with: the certificate, and these application protocols.
    ///
    /// With `asks`, a caller has to show a certificate of the authorities.
    func server(alpn: [String], asks: Bool) throws -> TLSContext {
        let key = ServerKey(alpn: alpn, asks: asks)
        if let context = servers[key] { return context }
        guard let identity = downstream.identity else { throw Problem(description: "there is no certificate") }
        guard !asks || downstream.authorities != nil else { throw Problem(description: "there is no ca.crt") }
        let context = try TLSContext.server(
            identity: identity,
            clientTrust: asks ? downstream.authorities.map { .authorities(pem: $0) } : nil,
            requireClientCertificate: asks,
            alpn: alpn
        )
        servers[key] = context
        return context
    }

    /// What the app is spoken to with.
    ///
    /// It is believed when the upstream authorities vouch for it, or without such, when it shows the certificate that callers are
    /// shown, or one of the same authority. Names are not checked: it is in the same pod, and under which name it is called is not known.
    func app(alpn: [String]) throws -> TLSContext {
        try client(ClientKey(alpn: alpn, isApp: true)) {
            if settings.skipsVerification { return .nobodyChecked }
            if let authorities = upstream?.authorities { return .authorities(pem: authorities) }
            let known = [downstream.certificates, downstream.authorities].compactMap(\.self) + former
            return .certificates(pem: Array(known.joined(separator: [0x0A])))
        }
    }

    /// What a workstation is spoken to with.
    ///
    /// Its certificate is not looked at: the tunnel ends at the machine of whom the attachment belongs to, which has proven itself, and
    /// the certificate of a handler is usually self-made.
    func workstation(alpn: [String]) throws -> TLSContext {
        try client(ClientKey(alpn: alpn, isApp: false)) { .nobodyChecked }
    }

    private func client(_ key: ClientKey, _ trust: () -> TLSTrust) throws -> TLSContext {
        if let context = clients[key] { return context }
        let context = try TLSContext.client(
            trust: trust(),
            identity: upstream?.identity,
            alpn: key.alpn,
            checksNames: false
        )
        clients[key] = context
        return context
    }
}

extension PortCertificates {
    /// `tls.crt`, `tls.key` and `ca.crt` of one place.
    private final class Directory {
        let path: String
        private(set) var identity: TLSIdentity?
        /// What `identity` shows.
        var certificates: [UInt8]? { identity?.certificateChainPEM }
        /// Whom to believe, PEM.
        private(set) var authorities: [UInt8]?
        /// Why `identity` is not what the files say.
        private(set) var problem: String?
        private var marks: [Mark?]?

        /// By what a file is known to be the one that was read.
        private struct Mark: Equatable {
            let inode: UInt64
            let seconds: Int
            let nanoseconds: Int
            let size: Int64
        }

        init(_ path: String) { self.path = path }

        /// Whether something else holds than before.
        func refresh() -> Bool {
            let marks = ["tls.crt", "tls.key", "ca.crt"].map { mark("\(path)/\($0)") }
            guard marks != self.marks else { return false }
            self.marks = marks
            let former = (identity, authorities)
            read()
            return former.0 != identity || former.1 != authorities
        }

        private func read() {
            let authorities = FileContents.read("\(path)/ca.crt").flatMap { $0.isEmpty ? nil : $0 }
            guard let certificate = FileContents.read("\(path)/tls.crt"), !certificate.isEmpty else {
                problem = "\(path)/tls.crt cannot be read"
                // An app's authority alone is enough.
                if identity == nil { self.authorities = authorities }
                return
            }
            guard let key = FileContents.read("\(path)/tls.key"), !key.isEmpty else {
                return problem = "\(path)/tls.key cannot be read"
            }
            let identity = TLSIdentity(certificateChainPEM: certificate, privateKeyPEM: key)
            do throws(TLSError) {
                // Half a renewal is none.
                _ = try TLSContext.server(
                    identity: identity,
                    clientTrust: authorities.map { .authorities(pem: $0) },
                    requireClientCertificate: false,
                    alpn: []
                )
                (self.identity, self.authorities, problem) = (identity, authorities, nil)
            } catch {
                problem = "\(path): \(error)"
            }
        }

        private func mark(_ path: String) -> Mark? {
            var facts = stat()
            guard stat(path, &facts) == 0 else { return nil }
            return Mark(
                inode: UInt64(facts.st_ino),
                seconds: facts.st_mtim.tv_sec,
                nanoseconds: facts.st_mtim.tv_nsec,
                size: Int64(facts.st_size)
            )
        }
    }
}
