package import Cluster
internal import Foundation

/// A credential that a program makes (`users[].user.exec`, ExecCredential v1 and v1beta1).
///
/// The answer is kept until shortly before it expires, or until the server refuses it. At most one program runs at a time.
package actor ExecCredentialSource: CredentialSource {
    private static let versions = ["client.authentication.k8s.io/v1", "client.authentication.k8s.io/v1beta1"]
    /// A credential is renewed this long before it expires.
    private static let margin: TimeInterval = 10

    private let plugin: ExecPlugin
    private let userName: String
    private let apiVersion: String
    private let installHint: String?
    private let base: Credential
    private var cached: (credential: Credential, expires: Date?)?
    private var running: Task<Result<(Credential, Date?), CredentialError>, Never>?

    init(
        node: KubeconfigNode,
        directory: String,
        userName: String,
        base: Credential,
        endpoint: ClusterEndpoint,
        configuration: JSONValue? = nil,
        environment: [String: String],
        timeout: Duration = .seconds(60)
    ) throws(KubeconfigError) {
        guard let command = try node.text("command") else { throw node.error("names no command") }
        guard let apiVersion = try node.text("apiVersion") else {
            throw node.error("has no apiVersion", remedy: "use \(Self.versions[0])")
        }
        guard Self.versions.contains(apiVersion) else {
            throw node.error("apiVersion '\(apiVersion)' is not supported", remedy: "use \(Self.versions[0])")
        }
        if try node.text("interactiveMode") == "Always" {
            throw node.error(
                "the plugin wants a terminal (interactiveMode: Always), and the daemon has none",
                remedy: "log in beforehand and use IfAvailable"
            )
        }
        var environment = environment
        for variable in try node.list("env") {
            guard let name = try variable.text("name") else { throw variable.error("has no name") }
            environment[name] = try variable.text("value") ?? ""
        }
        var info: JSONValue = [
            "apiVersion": .string(apiVersion), "kind": "ExecCredential", "spec": ["interactive": false],
        ]
        if try node.flag("provideClusterInfo") {
            var cluster: JSONValue = ["server": .string(endpoint.url)]
            if let name = endpoint.tlsServerName { cluster["tls-server-name"] = .string(name) }
            if endpoint.insecureSkipVerify { cluster["insecure-skip-tls-verify"] = true }
            if let authorities = endpoint.authorities {
                cluster["certificate-authority-data"] = .string(Data(authorities).base64EncodedString())
            }
            if let proxy = endpoint.proxy { cluster["proxy-url"] = .string(proxy.url) }
            if let configuration { cluster["config"] = configuration }
            info["spec"]?["cluster"] = cluster
        }
        environment["KUBERNETES_EXEC_INFO"] = info.text
        plugin = ExecPlugin(
            command: command,
            arguments: try node.texts("args"),
            environment: environment,
            directory: directory,
            timeout: timeout
        )
        self.userName = userName
        self.apiVersion = apiVersion
        installHint = try node.text("installHint")
        self.base = base
    }

    package nonisolated var canRefresh: Bool { true }

    package func credential(afterRefusal: Bool) async throws(CredentialError) -> Credential {
        if let cached, !afterRefusal, cached.expires.map({ $0.timeIntervalSinceNow > Self.margin }) ?? true {
            return cached.credential
        }
        let task: Task<Result<(Credential, Date?), CredentialError>, Never>
        if let running {
            task = running
        } else {
            task = Task { await self.run() }
            running = task
        }
        let outcome = await task.value
        running = nil
        let (credential, expires) = try outcome.get()
        cached = (credential, expires)
        return credential
    }

    private func run() async -> Result<(Credential, Date?), CredentialError> {
        do throws(CredentialError) {
            return .success(try read(try await plugin.run()))
        } catch {
            let hint = installHint.map { "\n" + $0 } ?? ""
            return .failure(
                CredentialError(description: "the credential plugin of user \"\(userName)\" failed: \(error)\(hint)")
            )
        }
    }

    private func read(_ output: [UInt8]) throws(CredentialError) -> (Credential, Date?) {
        let json: JSONValue
        do throws(JSONError) {
            json = try JSONValue.parse(output, limits: JSONLimits(size: 1 << 20))
        } catch {
            throw CredentialError(description: "\(plugin.command) did not print an ExecCredential (\(error))")
        }
        guard json["kind"]?.string == "ExecCredential", json["apiVersion"]?.string == apiVersion else {
            throw CredentialError(
                description: "\(plugin.command) printed \(json["apiVersion"]?.string ?? "?") "
                    + "\(json["kind"]?.string ?? "?"), not ExecCredential of \(apiVersion)"
            )
        }
        guard let status = json["status"] else {
            throw CredentialError(description: "\(plugin.command) printed an ExecCredential without status")
        }
        var credential = base
        credential.token = status["token"]?.string
        if let certificate = status["clientCertificateData"]?.string, let key = status["clientKeyData"]?.string {
            credential.certificatePEM = [UInt8](certificate.utf8)
            credential.privateKeyPEM = [UInt8](key.utf8)
        }
        guard credential.token != nil || credential.certificatePEM != nil else {
            throw CredentialError(description: "\(plugin.command) gave neither token nor certificate")
        }
        var expires: Date?
        if let text = status["expirationTimestamp"]?.string {
            expires = try? Date(text, strategy: .iso8601)
            if expires == nil {
                throw CredentialError(
                    description: "\(plugin.command) gave an expirationTimestamp that is no time: '\(text)'"
                )
            }
        }
        return (credential, expires)
    }
}
