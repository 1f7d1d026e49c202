internal import ArgumentParser
internal import Foundation
internal import Message

/// kubectl's flags for the way to the API server, with kubectl's meaning.
struct KubernetesOptions: ParsableArguments {
    @Option(help: "The kubeconfig file, or - for standard input. Default: $KUBECONFIG, else ~/.kube/config.")
    var kubeconfig: String?

    @Option(help: "The kubeconfig context. Default: the current one.")
    var context: String?

    @Option(help: "The kubeconfig cluster to use instead of the context's.")
    var cluster: String?

    @Option(help: "The kubeconfig user to use instead of the context's.")
    var user: String?

    @Option(name: [.customShort("s"), .long], help: "The URL of the API server.")
    var server: String?

    @Option(help: "A bearer token to show to the API server.")
    var token: String?

    @Option(help: "The user to impersonate.")
    var `as`: String?

    @Option(help: "A group to impersonate. May be repeated.")
    var asGroup: [String] = []

    @Option(help: "The UID to impersonate.")
    var asUid: String?

    @Option(help: "A file with the certificates of the API server's authorities.")
    var certificateAuthority: String?

    @Option(help: "A client certificate file.")
    var clientCertificate: String?

    @Option(help: "The client certificate's key file.")
    var clientKey: String?

    @Option(help: "The name that the API server's certificate must carry.")
    var tlsServerName: String?

    @Flag(help: "Do not check the API server's certificate: insecure.")
    var insecureSkipTlsVerify = false

    @Option(help: "The most that one request to the API server may take, such as 30s or 1m; 0 for no limit.")
    var requestTimeout: String?

    init() {}

    func validate() throws {
        if asGroup.isEmpty == false || asUid != nil, self.as == nil {
            throw ValidationError("--as-group and --as-uid need --as")
        }
        if (clientCertificate == nil) != (clientKey == nil) {
            throw ValidationError("--client-certificate and --client-key need one another")
        }
        if insecureSkipTlsVerify, certificateAuthority != nil {
            throw ValidationError("--insecure-skip-tls-verify and --certificate-authority exclude one another")
        }
        if let requestTimeout, Self.milliseconds(requestTimeout) == nil {
            throw ValidationError("--request-timeout \(requestTimeout) is no time; write 30s, 1m30s or 500ms")
        }
    }

    /// Says in a request what these flags say; paths become absolute, since the daemon has another working directory.
    func fill(_ request: inout ConnectRequest, _ environment: [String: String]) throws {
        request.context = context ?? ""
        if kubeconfig == "-" {
            request.kubeconfigData = [UInt8](FileHandle.standardInput.readDataToEndOfFile())
            guard !request.kubeconfigData.isEmpty else {
                throw CommandError("--kubeconfig - was given, but standard input is empty", exitCode: 64)
            }
        } else {
            request.kubeconfigPath =
                try kubeconfig.map { try Self.absolute($0, "--kubeconfig") } ?? environment["KUBECONFIG"] ?? ""
        }
        var flags = KubernetesFlags()
        flags.cluster = cluster ?? ""
        flags.user = user ?? ""
        flags.server = server ?? ""
        flags.certificateAuthority =
            try certificateAuthority.map { try Self.absolute($0, "--certificate-authority") } ?? ""
        flags.tlsServerName = tlsServerName ?? ""
        flags.insecureSkipVerify = insecureSkipTlsVerify
        flags.token = token ?? ""
        flags.clientCertificate = try clientCertificate.map { try Self.absolute($0, "--client-certificate") } ?? ""
        flags.clientKey = try clientKey.map { try Self.absolute($0, "--client-key") } ?? ""
        flags.asUser = self.as ?? ""
        flags.asGroups = asGroup
        flags.asUID = asUid ?? ""
        flags.requestTimeoutMilliseconds = requestTimeout.flatMap { Self.milliseconds($0) } ?? 0
        request.flags = flags == KubernetesFlags() ? nil : flags
    }

    private static func absolute(_ path: String, _ flag: String) throws -> String {
        guard !path.isEmpty else { throw CommandError("\(flag) is empty", exitCode: 64) }
        return URL(fileURLWithPath: path).path
    }

    /// Go's notation of times: `1m30s`, `500ms`; a bare number is seconds.
    static func milliseconds(_ text: String) -> UInt64? {
        if let seconds = UInt64(text) { return seconds < 1 << 32 ? seconds * 1000 : nil }
        var rest = Substring(text)
        var total = 0.0
        while !rest.isEmpty {
            let digits = rest.prefix { $0.isNumber || $0 == "." }
            guard let number = Double(digits) else { return nil }
            rest = rest.dropFirst(digits.count)
            let unit = rest.prefix { $0.isLetter }
            guard let factor = ["ms": 1.0, "s": 1000, "m": 60_000, "h": 3_600_000][String(unit)] else { return nil }
            rest = rest.dropFirst(unit.count)
            total += number * factor
        }
        return text.isEmpty || total > 4e12 ? nil : UInt64(total)
    }
}
