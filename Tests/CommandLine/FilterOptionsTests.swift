import ArgumentParser
import Message
import Testing

@testable import CommandLine

@Suite("HTTP filters on the command line")
struct FilterOptionsTests {
    private func spec(_ words: [String]) throws -> AttachmentSpec {
        var spec = AttachmentSpec(name: "web", kind: .intercept)
        try FilterOptions.parse(words).apply(to: &spec)
        return spec
    }

    @Test(
        "headers are given as name=value or as they are sent, and names are in lower case",
        arguments: [
            ("x-user=ann", "x-user", "ann"), ("X-User: ann", "x-user", "ann"), ("x-user:ann ", "x-user", "ann"),
            ("a=b=c", "a", "b=c"), ("a: b=c", "a", "b=c"), ("a=b: c", "a", "b: c"),
            ("authorization: Bearer x.y", "authorization", "Bearer x.y"),
        ]
    )
    func header(text: String, name: String, value: String) throws {
        #expect(try spec(["--http-header", text]).headers == [name: value])
    }

    @Test("several headers, one condition on the path, and notes")
    func several() throws {
        let spec = try spec([
            "--http-header", "a=1", "--http-header", "b=2", "--http-path-prefix", "/api", "--metadata", "Ticket=1=2",
            "--metadata", "who=ann", "--plaintext",
        ])
        #expect(spec.headers == ["a": "1", "b": "2"])
        #expect(spec.path == "/api" && spec.pathMatch == .prefix)
        #expect(spec.metadata == ["Ticket": "1=2", "who": "ann"])
        #expect(spec.plaintext)
        #expect(try self.spec(["--http-path-equal", "/"]).pathMatch == .equal)
        #expect(try self.spec(["--http-path-regex", "^/a"]).pathMatch == .regex)
        #expect(try !self.spec([]).hasFilter && self.spec([]).filterWords == nil)
    }

    @Test(
        "what cannot be meant is named, with what would be right",
        arguments: [
            ["--http-header", "a"], ["--http-header", "=b"], ["--http-header", ":path: /"],
            ["--http-header", "a=1", "--http-header", "A: 2"],
            ["--http-path-equal", "/a", "--http-path-prefix", "/b"],
            ["--http-path-prefix", "/a", "--http-path-regex", "b"],
            ["--metadata", "a"], ["--metadata", "=a"], ["--metadata", "a=1", "--metadata", "a=2"],
        ]
    )
    func refuses(words: [String]) {
        let error = #expect(throws: CommandError.self) { try spec(words) }
        #expect(error?.message.contains(words.last ?? "") == true)
        #expect(error?.remedy != nil && error?.exitCode == 64)
    }

    @Test("commands that take all say that they have no filter")
    func others() {
        for command in ["wiretap", "replace", "ingest"] {
            for words in [["--http-header", "a=1"], ["--http-path-regex", "a"]] {
                let error = #expect(throws: (any Error).self) {
                    try Telepresence.parseAsRoot([command, "web"] + words)
                }
                let text = error.map { Telepresence.message(for: $0) } ?? ""
                #expect(text.contains("only an intercept") && text.contains("telepresence intercept"), "\(text)")
                #expect(error.map { Telepresence.exitCode(for: $0) }?.rawValue == 64)
            }
        }
        #expect(!Telepresence.helpMessage(for: WiretapCommand.self).contains("--http-header"))
        #expect(Telepresence.helpMessage(for: InterceptCommand.self).contains("--http-header"))
    }

    @Test(
        "an example of a request can be pasted into a shell",
        arguments: [
            (["--http-header", "x-user=ann"], "web", 80, "", "curl -H 'x-user: ann' http://web.default/"),
            (
                ["--http-header", "b=it's", "--http-header", "a=1"], "web", 8080, "",
                "curl -H 'a: 1' -H 'b: it'\\''s' http://web.default:8080/"
            ),
            (["--http-path-equal", "/a;b"], "web", 443, "", "curl 'https://web.default/a;b'"),
            (["--http-path-prefix", "/api"], "web", 8443, "https", "curl https://web.default:8443/api"),
            (["--http-path-regex", "^/a"], "", 0, "", "curl http://10.0.0.9:9000/PATH"),
        ] as [([String], String, UInt16, String, String)]
    )
    func example(words: [String], service: String, port: UInt16, name: String, text: String) throws {
        var attachment = Message.Attachment(id: "a", spec: try spec(words), state: .active, podIP: "10.0.0.9")
        attachment.spec.namespace = "default"
        attachment.ports = [
            ResolvedPort(containerPort: 53, protocol: .udp, serviceName: service, servicePort: 53),
            ResolvedPort(
                containerPort: 9000,
                protocol: .tcp,
                serviceName: service,
                servicePortName: name,
                servicePort: port
            ),
        ]
        #expect(RequestExample(attachment)?.text == text)
        attachment.ports.removeLast()
        #expect(RequestExample(attachment) == nil)
    }

    @Test("filter, example and notes are shown wherever an attachment is, and nothing where there are none")
    func output() throws {
        var attachment = Message.Attachment(id: "a", state: .active, owner: "ann@box", workloadKind: "Deployment")
        attachment.spec = try spec([
            "--http-header", "X-User=Ann", "--http-path-prefix", "/Api", "--metadata", "ticketNumber=12",
        ])
        attachment.spec.namespace = "default"
        attachment.ports = [ResolvedPort(containerPort: 80, protocol: .tcp, serviceName: "web", servicePort: 80)]
        let output = AttachmentOutput(attachment)
        for line in [
            "   Only          : requests with x-user: Ann and a path that begins with /Api",
            "   Try           : curl -H 'x-user: Ann' http://web.default/Api",
            "   Metadata      : ticketNumber=12",
        ] {
            #expect(output.text.split(separator: "\n").contains { $0 == line }, "\(output.text)")
        }
        let json = try OutputFormat.jsonStream.encode(output)
        for part in [
            #""http_filter":{"headers":{"x-user":"Ann"},"path_prefix":"/Api"}"#,
            #""metadata":{"ticketNumber":"12"}"#, #""example":"curl -H"#,
        ] {
            #expect(json.contains(part), "\(json)")
        }
        let line = WorkloadOutput(Workload(kind: "Deployment", name: "web", attachments: [attachment])).text
        #expect(
            line.contains(", only requests with x-user: Ann and a path that begins with /Api, metadata ticketNumber=12")
        )
        attachment.spec = AttachmentSpec(name: "web", kind: .intercept, namespace: "default")
        let plain = AttachmentOutput(attachment)
        #expect(!plain.text.contains("Only") && !plain.text.contains("Try") && !plain.text.contains("Metadata"))
        #expect(!(try OutputFormat.jsonStream.encode(plain)).contains("http_filter"))
    }
}
