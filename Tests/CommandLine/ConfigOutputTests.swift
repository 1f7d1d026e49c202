import Foundation
import Testing

@testable import CommandLine

@Suite("config view") struct ConfigOutputTests {
    private func client(_ environment: [String: String]) throws -> ConfigOutput.Client {
        try ConfigOutput(paths: StatePaths(environment: environment, user: 7), environment: environment).client
    }

    @Test("without anything set all values are defaults, and there is no context")
    func defaults() throws {
        let client = try client(["HOME": "/no/such/home"])
        #expect(client.runtimeDir == .init(value: "/tmp/telepresence-7", source: "default"))
        #expect(client.logDir == .init(value: "/no/such/home/.cache/telepresence/logs", source: "default"))
        #expect(client.rootDaemonSocket == .init(value: "/run/telepresence/rootd.sock", source: "default"))
        #expect(client.kubeconfig == .init(value: "/no/such/home/.kube/config", source: "default"))
        #expect(client.logLevel == .init(value: "info", source: "default"))
        #expect(client.kubernetesContext == nil && client.namespace == nil)
        #expect(client.configFile == .init(value: "/no/such/home/.config/telepresence/config.yml", source: "HOME"))
        #expect(client.mountsRoot == .init(value: "", source: "default"))
    }

    @Test("each value names the variable that it comes from, and the nearer one counts")
    func variables() throws {
        let client = try client([
            "HOME": "/no/such/home", "XDG_RUNTIME_DIR": "/run/user/7", "XDG_CACHE_HOME": "/cache",
            "TELEPRESENCE_LOG_DIR": "/logs", "TELEPRESENCE_LOG_LEVEL": "trace", "KUBECONFIG": "/no/such/file",
            "TELEPRESENCE_ROOTD_SOCKET": "",
        ])
        #expect(client.runtimeDir == .init(value: "/run/user/7/telepresence", source: "XDG_RUNTIME_DIR"))
        #expect(client.logDir == .init(value: "/logs", source: "TELEPRESENCE_LOG_DIR"))
        #expect(client.logLevel == .init(value: "trace", source: "TELEPRESENCE_LOG_LEVEL"))
        #expect(client.kubeconfig == .init(value: "/no/such/file", source: "KUBECONFIG"))
        // What is empty says nothing.
        #expect(client.rootDaemonSocket.source == "default")
    }

    @Test("config.yml says where volumes appear; one that is wrong is told")
    func file() throws {
        let home = FileManager.default.temporaryDirectory.appending(path: "home-\(UUID().uuidString)")
        let folder = home.appending(path: "telepresence")
        try FileManager.default.createDirectory(at: folder, withIntermediateDirectories: true)
        defer { try? FileManager.default.removeItem(at: home) }
        let file = folder.appending(path: "config.yml")
        try Data("intercept: {mountsRoot: /mounts}".utf8).write(to: file)
        let environment = ["XDG_CONFIG_HOME": home.path]
        #expect(try client(environment).mountsRoot == .init(value: "/mounts", source: "config.yml"))
        #expect(try client(environment).configFile == .init(value: file.path, source: "XDG_CONFIG_HOME"))
        try Data("intercept: {mountsRoot: mounts}".utf8).write(to: file)
        #expect(throws: CommandError.self) { try client(environment) }
    }

    @Test("the context is the current one of the kubeconfig")
    func context() throws {
        let path = FileManager.default.temporaryDirectory.appending(path: "kubeconfig-\(UUID().uuidString)").path
        defer { try? FileManager.default.removeItem(atPath: path) }
        let text = """
            apiVersion: v1
            kind: Config
            current-context: two
            clusters: [{name: c, cluster: {server: "https://192.0.2.1"}}]
            users: [{name: u, user: {}}]
            contexts:
            - {name: one, context: {cluster: c, user: u}}
            - {name: two, context: {cluster: c, user: u, namespace: there}}
            """
        try Data(text.utf8).write(to: URL(filePath: path))
        let client = try client(["KUBECONFIG": path])
        #expect(client.kubernetesContext == .init(value: "two", source: "kubeconfig"))
        #expect(client.kubernetesServer == .init(value: "https://192.0.2.1", source: "kubeconfig"))
        #expect(client.namespace == .init(value: "there", source: "kubeconfig"))
    }

    @Test(
        "the format is found in arguments that are wrong",
        arguments: [
            (["list", "--format", "json", "--no-such"], OutputFormat.json),
            (["--no-such", "--format=yaml"], .yaml),
            (["list", "--format", "json", "--format", "json-stream"], .jsonStream),
            (["list", "--format", "xml"], .default), (["list", "--format"], .default), ([], .default),
            (["exec", "--", "x", "--format", "json"], .default),
        ] as [([String], OutputFormat)]
    )
    func asked(arguments: [String], format: OutputFormat) {
        #expect(OutputFormat.asked(by: arguments) == format)
    }
}
