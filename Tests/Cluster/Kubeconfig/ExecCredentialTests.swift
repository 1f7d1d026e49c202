import Cluster
import Foundation
import Kubeconfig
import Testing

/// Credential plugins, by real scripts.
@Suite final class ExecCredentialTests {
    private let folder: String

    init() throws {
        folder = FileManager.default.temporaryDirectory.appending(path: "exec-\(UUID().uuidString)").path
        try FileManager.default.createDirectory(atPath: folder, withIntermediateDirectories: true)
    }

    deinit { try? FileManager.default.removeItem(atPath: folder) }

    /// The credentials of a user whose plugin is this script.
    private func source(_ script: String, more: String = "", version: String = "v1") throws -> any CredentialSource {
        // The plugin is the shell itself by another name: a file that we had just written could still be open for
        // writing in a child that another test starts meanwhile, and would then not run ("text file busy").
        try Data("cd \(folder)\n\(script)\n".utf8).write(to: URL(filePath: folder + "/script"))
        try? FileManager.default.removeItem(atPath: folder + "/plugin")
        try FileManager.default.createSymbolicLink(atPath: folder + "/plugin", withDestinationPath: "/bin/sh")
        let config = """
            current-context: c
            contexts:
            - {name: c, context: {cluster: k, user: u}}
            clusters:
            - {name: k, cluster: {server: "https://api.test", tls-server-name: name.test}}
            users:
            - name: u
              user:
                exec:
                  apiVersion: client.authentication.k8s.io/\(version)
                  command: ./plugin
                  args: ["\(folder)/script", one, "two words"]
                  env: [{name: EXTRA, value: yes it is}]
                  installHint: Get it from the shop.
            \(more.split(separator: "\n").map { "      " + $0 }.joined(separator: "\n"))
            """
        try Data(config.utf8).write(to: URL(filePath: folder + "/config"))
        let environment = ["PATH": "/usr/bin:/bin", "FROM_USER": "1"]
        return try Kubeconfig.load(path: folder + "/config", environment: [:])
            .access(Kubeconfig.Overrides(environment: environment)).credentials
    }

    /// A script that counts its runs and prints a token with the count.
    private func counting(_ status: String, version: String = "v1") -> String {
        """
        echo run >> runs; n=$(wc -l < runs | tr -d ' ')
        cat <<END
        {"apiVersion":"client.authentication.k8s.io/\(version)","kind":"ExecCredential","status":{"token":"t$n"\(status)}}
        END
        """
    }

    private func message(_ source: any CredentialSource) async throws -> String {
        do {
            let credential = try await source.credential(afterRefusal: false)
            Issue.record("no error but \(credential)")
            return ""
        } catch {
            return error.description
        }
    }

    @Test("a token is kept until the server refuses it", arguments: ["v1", "v1beta1"])
    func kept(version: String) async throws {
        let source = try source(counting("", version: version), version: version)
        #expect(try await source.credential(afterRefusal: false).token == "t1")
        #expect(try await source.credential(afterRefusal: false).token == "t1")
        #expect(try await source.credential(afterRefusal: true).token == "t2")
    }

    @Test(
        "a token is renewed when it expires",
        arguments: [
            ("2099-01-02T03:04:05Z", "t1"), ("2099-01-02T03:04:05.123456Z", "t1"), ("2099-01-02T03:04:05+02:00", "t1"),
            ("2001-01-02T03:04:05Z", "t2"), ("2001-01-02T03:04:05.5Z", "t2"),
        ]
    )
    func expires(time: String, second: String) async throws {
        let source = try source(counting(",\"expirationTimestamp\":\"\(time)\""))
        #expect(try await source.credential(afterRefusal: false).token == "t1")
        #expect(try await source.credential(afterRefusal: false).token == second)
    }

    @Test("many askers at once are served by one run") func shared() async throws {
        let source = try source("sleep 0.2\n" + counting(""))
        let tokens = try await withThrowingTaskGroup(of: String?.self) { group in
            for _ in 0..<10 { group.addTask { try await source.credential(afterRefusal: false).token } }
            return try await group.reduce(into: Set<String?>()) { $0.insert($1) }
        }
        #expect(tokens == ["t1"])
    }

    @Test("arguments, environment and cluster information reach the plugin") func told() async throws {
        let source = try source(
            "echo \"$1|$2|$EXTRA|$FROM_USER\" > said; echo \"$KUBERNETES_EXEC_INFO\" > info\n" + counting(""),
            more: "provideClusterInfo: true\ninteractiveMode: IfAvailable"
        )
        _ = try await source.credential(afterRefusal: false)
        #expect(try String(contentsOfFile: folder + "/said", encoding: .utf8) == "one|two words|yes it is|1\n")
        let info = try JSONValue.parse(try String(contentsOfFile: folder + "/info", encoding: .utf8))
        #expect(info["kind"] == "ExecCredential")
        #expect(info.at("spec", "interactive") == false)
        #expect(info.at("spec", "cluster", "server") == "https://api.test")
        #expect(info.at("spec", "cluster", "tls-server-name") == "name.test")
    }

    @Test("a plugin may give a certificate") func certificate() async throws {
        let source = try source(
            """
            echo '{"apiVersion":"client.authentication.k8s.io/v1","kind":"ExecCredential",'
            echo '"status":{"clientCertificateData":"C","clientKeyData":"K"}}'
            """
        )
        let expected = Credential(certificatePEM: Array("C".utf8), privateKeyPEM: Array("K".utf8))
        #expect(try await source.credential(afterRefusal: false) == expected)
    }

    @Test("a failing plugin is named with what it said and the hint for installing it") func fails() async throws {
        let text = try await message(try source("echo 'log in first' >&2; exit 3"))
        #expect(text.contains("user \"u\""))
        #expect(text.contains("status 3: log in first"))
        #expect(text.contains("Get it from the shop."))
        #expect(try await message(try source("echo hello")).contains("did not print an ExecCredential"))
        let missing = try source("true")
        try FileManager.default.removeItem(atPath: folder + "/plugin")
        #expect(try await message(missing).contains("not there or cannot be run"))
        let empty =
            "echo '{\"apiVersion\":\"client.authentication.k8s.io/v1\",\"kind\":\"ExecCredential\",\"status\":{}}'"
        #expect(try await message(try source(empty)).contains("neither token nor certificate"))
        #expect(
            try await message(try source(counting(",\"expirationTimestamp\":\"soon\""))).contains("no time: 'soon'")
        )
    }
}
