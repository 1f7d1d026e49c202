import Cluster
import Foundation
import Kubeconfig
import Testing

@Suite final class KubeconfigTests {
    private let folder: String

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "kubeconfig-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    @discardableResult
    private func write(_ name: String, _ text: String, executable: Bool = false) throws -> String {
        let path = folder + "/" + name
        try Data(text.utf8).write(to: URL(filePath: path))
        if executable { try FileManager.default.setAttributes([.posixPermissions: 0o755], ofItemAtPath: path) }
        return path
    }

    private static let certificate = "-----BEGIN CERTIFICATE-----\nMII=\n-----END CERTIFICATE-----\n"
    private static let key = "-----BEGIN PRIVATE KEY-----\nMII=\n-----END PRIVATE KEY-----\n"

    /// A kubeconfig with one context `c`, cluster `k` and user `u`.
    private func text(cluster: String = "server: https://api.test:6443", user: String, context: String = "") -> String {
        func indented(_ text: String) -> String {
            text.split(separator: "\n").map { "    " + $0 }.joined(separator: "\n")
        }
        return """
            apiVersion: v1
            kind: Config
            current-context: c
            contexts:
            - name: c
              context:
                cluster: k
                user: u
            \(indented(context))
            clusters:
            - name: k
              cluster:
            \(indented(cluster))
            users:
            - name: u
              user:
            \(indented(user))
            """
    }

    private func access(
        _ text: String,
        _ overrides: Kubeconfig.Overrides = Kubeconfig.Overrides()
    ) throws -> ClusterAccess {
        let path = try write("config", text)
        return try Kubeconfig.load(path: path, environment: [:]).access(overrides)
    }

    private func failure(_ text: String) throws -> KubeconfigError {
        try #require(throws: KubeconfigError.self) { try access(text) }
    }

    @Test("token, namespace, CA and server name are read") func token() async throws {
        let data = Data(Self.certificate.utf8).base64EncodedString()
        let access = try access(
            text(
                cluster: "server: https://[fd00::1]:6443/k8s/\ncertificate-authority-data: \(data)\n"
                    + "tls-server-name: api.test",
                user: "token: secret\nas: other\nas-groups: [g1, g2]\nas-uid: '7'\nas-user-extra: {reason: [a, b]}",
                context: "namespace: dev"
            )
        )
        #expect(access.endpoint.host == "fd00::1")
        #expect(access.endpoint.port == 6443)
        #expect(access.endpoint.basePath == "/k8s")
        #expect(access.endpoint.authority == "[fd00::1]:6443")
        #expect(access.endpoint.authorities == Array(Self.certificate.utf8))
        #expect(access.endpoint.tlsServerName == "api.test")
        #expect(access.namespace == "dev")
        #expect(access.contextName == "c")
        #expect(access.userName == "u")
        let expected = Impersonation(user: "other", groups: ["g1", "g2"], uid: "7", extra: ["reason": ["a", "b"]])
        #expect(access.impersonation == expected)
        #expect(try await access.credentials.credential(afterRefusal: false) == Credential(token: "secret"))
    }

    @Test("certificate and key come from files beside the kubeconfig, or from data") func certificates() async throws {
        try write("cert.pem", Self.certificate)
        try write("key.pem", Self.key)
        try write("ca.pem", Self.certificate)
        let expected = Credential(
            certificatePEM: Array(Self.certificate.utf8),
            privateKeyPEM: Array(Self.key.utf8)
        )
        let files = try access(
            text(
                cluster: "server: https://api.test\ncertificate-authority: ca.pem",
                user: "client-certificate: cert.pem\nclient-key: \(folder)/key.pem"
            )
        )
        #expect(files.endpoint.port == 443)
        #expect(files.endpoint.authorities == Array(Self.certificate.utf8))
        #expect(try await files.credentials.credential(afterRefusal: false) == expected)
        let data = try access(
            text(
                user: "client-certificate-data: \(Data(Self.certificate.utf8).base64EncodedString())\n"
                    + "client-key-data: \(Data(Self.key.utf8).base64EncodedString())"
            )
        )
        #expect(try await data.credentials.credential(afterRefusal: false) == expected)
    }

    @Test("a token file is read again after a refusal") func tokenFile() async throws {
        try write("token", "one\n")
        let access = try access(text(user: "tokenFile: token"))
        #expect(access.credentials.canRefresh)
        #expect(try await access.credentials.credential(afterRefusal: false).token == "one")
        try write("token", "two\n")
        #expect(try await access.credentials.credential(afterRefusal: false).token == "one")
        #expect(try await access.credentials.credential(afterRefusal: true).token == "two")
    }

    @Test("files of KUBECONFIG merge, and the first wins") func merged() async throws {
        let first = try write(
            "a",
            """
            contexts:
            - {name: one, context: {cluster: k, user: u, namespace: first}}
            users:
            - {name: u, user: {token: from-a}}
            """
        )
        try FileManager.default.createDirectory(atPath: folder + "/sub", withIntermediateDirectories: true)
        try write("sub/ca.pem", Self.certificate)
        let second = try write(
            "sub/b",
            """
            current-context: one
            contexts:
            - {name: one, context: {cluster: gone, user: gone}}
            - {name: two, context: {cluster: k}}
            clusters:
            - {name: k, cluster: {server: "https://b.test", certificate-authority: ca.pem}}
            users:
            - {name: u, user: {token: from-b}}
            """
        )
        let environment = ["KUBECONFIG": "\(first):\(folder)/missing::\(second)", "HOME": folder]
        let config = try Kubeconfig.load(path: nil, environment: environment)
        #expect(config.contextNames == ["one", "two"])
        #expect(config.currentContext == "one")
        let access = try config.access()
        #expect(access.namespace == "first")
        // A relative path starts from the file that it stands in.
        #expect(access.endpoint.authorities == Array(Self.certificate.utf8))
        #expect(try await access.credentials.credential(afterRefusal: false).token == "from-a")
        let other = try config.access(Kubeconfig.Overrides(context: "two", namespace: "mine"))
        #expect(other.namespace == "mine")
        #expect(try await other.credentials.credential(afterRefusal: false) == .anonymous)
    }

    @Test("without anything named it is ~/.kube/config") func defaultFile() throws {
        try FileManager.default.createDirectory(atPath: folder + "/.kube", withIntermediateDirectories: true)
        try write(".kube/config", text(user: "token: t"))
        #expect(try Kubeconfig.load(path: nil, environment: ["HOME": folder]).currentContext == "c")
        #expect(throws: KubeconfigError.self) {
            try Kubeconfig.load(path: nil, environment: ["HOME": folder + "/nobody"])
        }
    }

    struct Wrong: Sendable, CustomTestStringConvertible {
        let testDescription: String
        var cluster = "server: https://api.test"
        var user = "token: t"
        let words: [String]
    }

    @Test(
        "errors name file, context, field and remedy",
        arguments: [
            Wrong(
                testDescription: "proxy",
                cluster: "server: https://api.test\nproxy-url: ftp://p:1",
                words: ["clusters[\"k\"].proxy-url", "ftp is not supported", "socks5://"]
            ),
            Wrong(testDescription: "plain http", cluster: "server: http://api.test", words: [".server", "https://"]),
            Wrong(testDescription: "bad port", cluster: "server: https://api.test:x", words: [".server", "port"]),
            Wrong(testDescription: "no server", cluster: "x: y", words: ["clusters[\"k\"]", "server"]),
            Wrong(
                testDescription: "missing certificate file",
                user: "client-certificate: gone.pem\nclient-key: gone.key",
                words: ["users[\"u\"].client-certificate", "there is no file", "gone.pem", "correct the path"]
            ),
            Wrong(
                testDescription: "no base64",
                user: "client-certificate-data: '!'\nclient-key-data: '!'",
                words: ["users[\"u\"].client-certificate-data"]
            ),
            Wrong(
                testDescription: "no certificate",
                user: "client-certificate-data: AAAA\nclient-key-data: AAAA",
                words: ["users[\"u\"].client-certificate-data", "PEM"]
            ),
            Wrong(
                testDescription: "certificate without key",
                user: "client-certificate-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==",
                words: ["users[\"u\"]", "without client-key"]
            ),
            Wrong(
                testDescription: "auth-provider",
                user: "auth-provider: {name: gcp}",
                words: ["auth-provider", "exec"]
            ),
            Wrong(testDescription: "token is a list", user: "token: [a]", words: ["users[\"u\"].token", "string"]),
            Wrong(
                testDescription: "insecure with CA",
                cluster: "server: https://api.test\ninsecure-skip-tls-verify: true\n"
                    + "certificate-authority-data: LS0tLS1CRUdJTiBDRVJUSUZJQ0FURS0tLS0tCg==",
                words: ["clusters[\"k\"]", "remove one"]
            ),
            Wrong(
                testDescription: "exec version",
                user: "exec: {command: x, apiVersion: client.authentication.k8s.io/v9}",
                words: ["users[\"u\"].exec", "v9", "client.authentication.k8s.io/v1"]
            ),
            Wrong(
                testDescription: "exec wants a terminal",
                user: "exec: {command: x, apiVersion: client.authentication.k8s.io/v1, interactiveMode: Always}",
                words: ["users[\"u\"].exec", "terminal", "IfAvailable"]
            ),
        ]
    )
    func wrong(example: Wrong) throws {
        let error = try failure(text(cluster: example.cluster, user: example.user))
        #expect(error.origin == folder + "/config")
        #expect(error.context == "c")
        for word in example.words { #expect(error.description.contains(word), "\(error)") }
    }

    @Test("an unknown context is answered with those that exist") func unknownContext() throws {
        let path = try write("config", text(user: "token: t"))
        let config = try Kubeconfig.load(path: path, environment: [:])
        let error = try #require(throws: KubeconfigError.self) { try config.access(.init(context: "x")) }
        #expect(error.description.contains("there is no context \"x\"; its contexts are \"c\""))
    }

    @Test("missing clusters and users are named") func dangling() throws {
        let cluster = text(user: "token: t").replacing("- name: k", with: "- name: other")
        #expect(try failure(cluster).description.contains("the cluster \"k\", which is not there"))
        let user = text(user: "token: t").replacing("- name: u", with: "- name: other")
        #expect(try failure(user).description.contains("the user \"u\", which is not there"))
        let none = text(user: "token: t").replacing("current-context: c", with: "")
        #expect(try failure(none).description.contains("no current context is set"))
    }

    @Test("what is no YAML is reported with its line") func badYAML() throws {
        let error = try failure("contexts:\n- name: c\n  context: {cluster: k\nusers: []\n")
        #expect(error.problem.contains("not YAML"))
        #expect(error.line == 4)
        #expect(try failure("- a\n- b\n").description.contains("no kubeconfig"))
        #expect(try failure("users: 7\n").description.contains("users"))
        let missing = try #require(throws: KubeconfigError.self) {
            try Kubeconfig.load(path: folder + "/none", environment: [:])
        }
        #expect(missing.description.contains("\(folder)/none: there is no such file"))
    }

    @Test("impersonation and namespace of the command line go first") func overrides() throws {
        let access = try access(
            text(user: "token: t\nas: a", context: "namespace: x"),
            Kubeconfig.Overrides(namespace: "y", impersonation: Impersonation(user: "b"))
        )
        #expect(access.namespace == "y")
        #expect(access.impersonation == Impersonation(user: "b"))
    }
}
