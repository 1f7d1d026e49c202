import Cluster
import Foundation
import Kubeconfig
import TestSupport
import Testing

@Suite(.ownThreads) final class KubeconfigOverridesTests {
    private let folder: String
    private static let certificate = "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n"
    private static let key = "-----BEGIN PRIVATE KEY-----\nMII=\n-----END PRIVATE KEY-----\n"

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "overrides-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    private func write(_ name: String, _ text: String) throws -> String {
        let path = folder + "/" + name
        try Data(text.utf8).write(to: URL(filePath: path))
        return path
    }

    private func load() throws -> Kubeconfig {
        let data = Data(Self.certificate.utf8).base64EncodedString()
        let path = try write(
            "config",
            """
            apiVersion: v1
            kind: Config
            current-context: one
            contexts:
            - {name: one, context: {cluster: a, user: plugin, namespace: x}}
            clusters:
            - {name: a, cluster: {server: "https://a.test", certificate-authority-data: \(data)}}
            - {name: b, cluster: {server: "https://b.test:6443", proxy-url: "http://me:secret@proxy.test:3128"}}
            users:
            - name: plugin
              user:
                exec: {command: /nonexistent, apiVersion: client.authentication.k8s.io/v1}
            - {name: static, user: {token: fixed}}
            """
        )
        return try Kubeconfig.load(path: path, environment: [:])
    }

    @Test("cluster and user of the command line take the place of the context's") func entries() async throws {
        let access = try load().access(.init(cluster: "b", user: "static"))
        #expect(access.endpoint.host == "b.test")
        #expect(access.namespace == "x")
        #expect(access.userName == "static")
        #expect(try await access.credentials.credential(afterRefusal: false) == Credential(token: "fixed"))
        let error = try #require(throws: KubeconfigError.self) { try self.load().access(.init(cluster: "c")) }
        #expect(error.description.contains("there is no cluster \"c\" (named by --cluster); there are: \"a\", \"b\""))
    }

    @Test("a token of the command line goes before the plugin") func token() async throws {
        let access = try load().access(.init(token: "given"))
        #expect(try await access.credentials.credential(afterRefusal: true) == Credential(token: "given"))
        #expect(!access.credentials.canRefresh)
    }

    @Test("server, authority, name, certificate and timeout of the command line are used") func fields() async throws {
        let authority = try write("ca.pem", Self.certificate + "# other\n")
        let certificate = try write("cert.pem", Self.certificate)
        let key = try write("key.pem", Self.key)
        let access = try load().access(
            .init(
                user: "static",
                server: "https://10.0.0.1:7443",
                certificateAuthority: authority,
                tlsServerName: "kubernetes",
                clientCertificate: certificate,
                clientKey: key,
                requestTimeout: .seconds(3)
            )
        )
        #expect(access.endpoint.authority == "10.0.0.1:7443")
        #expect(access.endpoint.authorities == Array((Self.certificate + "# other\n").utf8))
        #expect(access.endpoint.tlsServerName == "kubernetes")
        #expect(access.requestTimeout == .seconds(3))
        let credential = try await access.credentials.credential(afterRefusal: false)
        #expect(credential.certificatePEM == Array(Self.certificate.utf8))
        #expect(credential.privateKeyPEM == Array(Self.key.utf8))
        let missing = try #require(throws: KubeconfigError.self) {
            try self.load().access(.init(certificateAuthority: self.folder + "/gone"))
        }
        #expect(missing.description.contains("--certificate-authority"))
    }

    @Test("insecure-skip-tls-verify of the command line undoes the file's authority, and not both") func insecure()
        throws
    {
        let access = try load().access(.init(insecureSkipVerify: true))
        #expect(access.endpoint.insecureSkipVerify)
        #expect(access.endpoint.authorities == nil)
        #expect(throws: KubeconfigError.self) {
            try self.load().access(.init(certificateAuthority: "x", insecureSkipVerify: true))
        }
    }

    @Test("a server of the command line needs no file") func noFile() throws {
        let environment = ["HOME": folder + "/nobody"]
        let config = try Kubeconfig.load(path: nil, environment: environment, optional: true)
        let access = try config.access(.init(server: "https://only.test", token: "t"))
        #expect(access.endpoint.host == "only.test")
        #expect(access.contextName == nil)
        #expect(throws: KubeconfigError.self) { try config.access(.init(token: "t")) }
    }

    @Test("the cluster's proxy, else that of the environment, is used") func proxies() throws {
        let proxy = try #require(try load().access(.init(cluster: "b")).endpoint.proxy)
        #expect(proxy.url == "http://proxy.test:3128")
        #expect([proxy.user, proxy.password] == ["me", "secret"])
        let environment = ["HTTPS_PROXY": "socks5://gate", "NO_PROXY": "b.test"]
        #expect(try load().access(.init(environment: environment)).endpoint.proxy?.kind == .socks5)
        #expect(try load().access(.init(server: "https://b.test", environment: environment)).endpoint.proxy == nil)
        let wrong = try #require(throws: KubeconfigError.self) {
            try self.load().access(.init(environment: ["HTTPS_PROXY": "ftp://x"]))
        }
        #expect(wrong.description.contains("HTTPS_PROXY"))
    }

    @Test("what the merged files say is what kubectl says") func asKubectl() throws {
        guard
            let kubectl = ["/usr/bin/kubectl", "/usr/local/bin/kubectl"].first(where: {
                FileManager.default.isExecutableFile(atPath: $0)
            })
        else { return }
        let first = try write(
            "first",
            """
            current-context: two
            contexts:
            - {name: one, context: {cluster: k, user: u, namespace: first}}
            users:
            - {name: u, user: {token: from-first}}
            """
        )
        let second = try write(
            "second",
            """
            current-context: one
            contexts:
            - {name: one, context: {cluster: gone, user: gone}}
            - {name: two, context: {cluster: k, user: u, namespace: second}}
            clusters:
            - {name: k, cluster: {server: "https://k.test:6443", tls-server-name: other.test, proxy-url: "http://p:1"}}
            users:
            - {name: u, user: {token: from-second}}
            """
        )
        let environment = ["KUBECONFIG": "\(first):\(second)", "HOME": folder, "PATH": "/usr/bin:/bin"]
        for context in [nil, "one", "two"] {
            var words = [kubectl, "config", "view", "--minify", "--raw", "-o", "json"]
            if let context { words += ["--context", context] }
            let view = try JSONValue.parse([UInt8](TestProgram.run(words, environment: environment).output.utf8))
            let cluster = view["clusters"]?.array?.first?["cluster"]
            let access = try Kubeconfig.load(path: nil, environment: environment)
                .access(.init(context: context, environment: environment))
            #expect(view["current-context"]?.string == access.contextName)
            #expect(cluster?["server"]?.string == access.endpoint.url)
            #expect(cluster?["tls-server-name"]?.string == access.endpoint.tlsServerName)
            #expect(cluster?["proxy-url"]?.string == access.endpoint.proxy?.url)
            #expect(view["contexts"]?.array?.first?.at("context", "namespace")?.string == access.namespace)
            #expect(view["users"]?.array?.first?["name"]?.string == access.userName)
        }
    }
}
