import Foundation
import TestSupport
import Testing

@testable import Host

/// Gates between real sockets: who answers, in which order, and that no byte is lost.
@Suite(.ownThreads, .timeLimit(.minutes(2))) struct HTTPGateTests {
    /// Raw sockets in threads: each request is answered with who answers, its target, and its body's size and digest.
    static let script = """
        name = name.decode()
        def serve(c):
            f = c.makefile('rb')
            while True:
                line = f.readline()
                if not line: break
                if line == b'speak first\\n': c.sendall(name.encode() + b' raw\\n'); continue
                words = line.split()
                if len(words) != 3 or not line.endswith(b'\\r\\n'):
                    c.sendall(b'HTTP/1.1 400 ' + name.encode() + b'\\r\\nContent-Length: 0\\r\\n\\r\\n'); break
                fields = {}
                while True:
                    l = f.readline()
                    if l in (b'\\r\\n', b''): break
                    k, v = l.split(b':', 1); fields[k.lower()] = v.strip()
                if fields.get(b'expect') == b'100-continue': c.sendall(b'HTTP/1.1 100 Continue\\r\\n\\r\\n')
                if fields.get(b'upgrade'):
                    c.sendall(b'HTTP/1.1 101 Switching Protocols\\r\\nUpgrade: echo\\r\\nConnection: Upgrade\\r\\n\\r\\n')
                    while True:
                        d = f.read1(65536)
                        if not d: break
                        c.sendall(name.encode() + b':' + d)
                    break
                body = b''
                if b'content-length' in fields: body = f.read(int(fields[b'content-length']))
                elif b'transfer-encoding' in fields:
                    while True:
                        n = int(f.readline().split(b';')[0], 16)
                        body += f.read(n); f.readline()
                        if n == 0: break
                if words[1] == b'/die': c.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b'\\1\\0\\0\\0\\0\\0\\0\\0'); c.close(); return
                text = '%s %s %s %d %s' % (name, words[0].decode(), words[1].decode(), len(body), hashlib.md5(body).hexdigest()[:6])
                text = text.encode() + b'\\n'
                if words[1].startswith(b'/big'): text += b'x' * 3000000
                head = b'HTTP/1.1 200 OK\\r\\n'
                if words[1].startswith(b'/chunked'):
                    c.sendall(head + b'Transfer-Encoding: chunked\\r\\n\\r\\n')
                    for i in range(0, len(text), 7):
                        part = text[i:i+7]
                        c.sendall(b'%x\\r\\n' % len(part) + part + b'\\r\\n')
                    c.sendall(b'0\\r\\n\\r\\n')
                else:
                    c.sendall(head + b'Content-Length: %d\\r\\n\\r\\n' % len(text) + (b'' if words[0] == b'HEAD' else text))
        listen(serve)
        """

    static let mine = "X-User: me\r\n"

    static func scene() async throws -> (GateScene, app: PythonServer, local: PythonServer) {
        let app = try PythonServer(script, "app")
        let local = try PythonServer(script, "local")
        let scene = try await GateScene(appPort: app.port, workstationPort: local.port)
        return (scene, app, local)
    }

    @Test("requests of one connection go alternately to the app and the workstation, over one upstream each")
    func alternating() async throws {
        let (scene, app, local) = try await Self.scene()
        try await scene.set { $0.header = ("x-user", "me") }
        let client = try GateClient(scene.port)
        for number in 0..<6 {
            #expect(client.ask("/\(number)", Self.mine) == "local")
            #expect(client.ask("/n\(number)", "X-User: you\r\n") == "app")
        }
        #expect(try await scene.workstationDials() == 1)
        await scene.close()
        withExtendedLifetime((app, local)) {}
    }

    @Test("a connection that was open before the filter obeys it, and goes back when it is gone")
    func openBefore() async throws {
        let (scene, app, local) = try await Self.scene()
        let client = try GateClient(scene.port)
        #expect(client.ask("/1", Self.mine) == "app")
        try await scene.set { $0.header = ("x-user", "me") }
        #expect(client.ask("/2", Self.mine) == "local")
        #expect(client.ask("/3") == "app")
        try await scene.set { $0.header = nil }
        #expect(client.ask("/4", Self.mine) == "app")
        try await scene.set { $0.everythingToWorkstation = true }
        #expect(client.ask("/5") == "local")
        await scene.close()
        withExtendedLifetime((app, local)) {}
    }

    @Test("pipelined requests to both sides are answered in order")
    func pipelined() async throws {
        let (scene, app, local) = try await Self.scene()
        try await scene.set { $0.header = ("x-user", "me") }
        let client = try GateClient(scene.port)
        var text = ""
        for number in 0..<200 {
            text += "POST /\(number % 5 == 0 ? "chunked" : "p")\(number) HTTP/1.1\r\n"
            text += number % 3 == 0 ? Self.mine : ""
            text +=
                number % 2 == 0
                ? "Content-Length: 4\r\n\r\nbody" : "Transfer-Encoding: chunked\r\n\r\n2\r\nbo\r\n2\r\ndy\r\n0\r\n\r\n"
        }
        client.send(text + "GET /last HTTP/1.1\r\nConnection: close\r\n\r\n")
        let answer = client.read(until: "GET /last").replacing("\r\n", with: "").replacing("\n", with: "")
        var from = answer.startIndex
        for number in 0..<200 where number % 5 != 0 {
            let who = number % 3 == 0 ? "local" : "app"
            guard let found = answer[from...].firstRange(of: "\(who) POST /p\(number) 4 841a2d") else {
                Issue.record("no answer \(number)")
                break
            }
            from = found.upperBound
        }
        await scene.close()
        withExtendedLifetime((app, local)) {}
    }

    @Test("a request whose workstation does not answer goes to the app with its body")
    func failOpen() async throws {
        let (scene, app, local) = try await Self.scene()
        try await scene.set {
            $0.header = ("x-user", "me")
            $0.answers = .fails
        }
        let client = try GateClient(scene.port)
        client.send("POST /f HTTP/1.1\r\n\(Self.mine)Content-Length: 4\r\n\r\nbody")
        #expect(client.read(until: "\r\n\r\napp POST /f 4 841a2d\n").hasPrefix("HTTP/1.1 200 OK\r\n"))
        #expect(client.ask("/g", Self.mine) == "app")
        #expect(try await scene.workstationDials() == 2)
        await scene.close()
        withExtendedLifetime((app, local)) {}
    }

    @Test("what does not match never waits for a workstation that is stuck")
    func stuck() async throws {
        let (scene, app, local) = try await Self.scene()
        try await scene.set {
            $0.header = ("x-user", "me")
            $0.answers = .never
        }
        let waiting = try GateClient(scene.port)
        waiting.send("GET / HTTP/1.1\r\n\(Self.mine)\r\n")
        while try await scene.workstationDials() == 0 { await Task.yield() }
        #expect(try GateClient(scene.port).ask("/free") == "app")
        await scene.close()
        withExtendedLifetime((app, local)) {}
    }

    @Test("a workstation that dies in the middle resets its client alone")
    func dies() async throws {
        let (scene, app, local) = try await Self.scene()
        try await scene.set { $0.header = ("x-user", "me") }
        let other = try GateClient(scene.port)
        #expect(other.ask("/1", Self.mine) == "local")
        let client = try GateClient(scene.port)
        client.send("GET /die HTTP/1.1\r\n\(Self.mine)\r\n")
        #expect(client.read().contains("<error"))
        #expect(other.ask("/2", Self.mine) == "local")
        #expect(other.ask("/3") == "app")
        await scene.close()
        withExtendedLifetime((app, local)) {}
    }

    @Test("an upgrade is bytes from there on, with whom the request went to")
    func upgrade() async throws {
        let (scene, app, local) = try await Self.scene()
        try await scene.set { $0.header = ("x-user", "me") }
        for (field, who) in [(Self.mine, "local"), ("", "app")] {
            let client = try GateClient(scene.port)
            #expect(client.ask("/before") == "app")
            client.send("GET /ws HTTP/1.1\r\nUpgrade: echo\r\nConnection: upgrade\r\n\(field)\r\n")
            #expect(client.read(until: "\r\n\r\n").contains("101"))
            client.send("GET / HTTP/1.1\r\n\r\n")
            #expect(client.read(until: "\r\n\r\n") == "\(who):GET / HTTP/1.1\r\n\r\n")
        }
        await scene.close()
        withExtendedLifetime((app, local)) {}
    }

    @Test("what is malformed is the app's to answer, and is not looked at behind that")
    func malformed() async throws {
        let (scene, app, local) = try await Self.scene()
        try await scene.set { $0.header = ("x-user", "me") }
        let client = try GateClient(scene.port)
        #expect(client.ask("/1", Self.mine) == "local")
        client.send("GET / HTTP/1.1\nX: y\r\n\r\nGET /x HTTP/1.1\r\n\(Self.mine)\r\n")
        #expect(client.read().contains("HTTP/1.1 400 app"))
        await scene.close()
        withExtendedLifetime((app, local)) {}
    }

    @Test("half a request and an end reach the app; a whole one and an end are answered")
    func halfClosed() async throws {
        let (scene, app, local) = try await Self.scene()
        try await scene.set { $0.header = ("x-user", "me") }
        let half = try GateClient(scene.port)
        half.send("GET /half")
        half.end()
        #expect(half.read().contains("400 app"))
        let whole = try GateClient(scene.port)
        whole.send("GET /whole HTTP/1.1\r\n\(Self.mine)\r\n")
        whole.end()
        let answer = whole.read()
        #expect(answer.contains("local GET /whole") && answer.hasSuffix("<end>"), "\(answer)")
        await scene.close()
        withExtendedLifetime((app, local)) {}
    }

    @Test("a protocol in which the server speaks first, or that is no HTTP, passes with and without a filter")
    func otherProtocols() async throws {
        let greeter = try PythonServer(Self.greeter)
        for filtered in [false, true] {
            let scene = try await GateScene(appPort: greeter.port, workstationPort: 1)
            if filtered { try await scene.set { $0.header = ("x-user", "me") } }
            let client = try GateClient(scene.port)
            #expect(client.read(until: "\n") == "220 hello\n")
            client.send("EHLO x\r\n")
            #expect(client.read(until: "\n") == "EHLO x\r\n")
            client.end()
            #expect(client.read() == "<end>")
            await scene.close()
        }
    }

    /// Greets, then echoes.
    private static let greeter = """
        def serve(c):
            c.sendall(b'220 hello\\n')
            while True:
                d = c.recv(65536)
                if not d: break
                c.sendall(d)
        listen(serve)
        """

    @Test("curl is served by whom it asks for: large bodies, chunked, 100-continue, many requests on one connection")
    func curl() async throws {
        let (scene, app, local) = try await Self.scene()
        try await scene.set { $0.header = ("x-user", "me") }
        let file = FileManager.default.temporaryDirectory.appending(path: "gate-\(UUID().uuidString)")
        try Data(repeating: 0x61, count: 2_000_000).write(to: file)
        defer { try? FileManager.default.removeItem(at: file) }
        let url = "http://127.0.0.1:\(scene.port)"
        for (field, who) in [("X-User: me", "local"), ("X-User: you", "app")] {
            let common = ["-sS", "-m", "60", "-H", field]
            let uploads = [
                [], ["-H", "Transfer-Encoding: chunked"], ["-H", "Expect: 100-continue"],
            ]
            for upload in uploads {
                let answer = try Programs.output(
                    ["curl"] + common + upload + ["--data-binary", "@\(file.path)", "\(url)/u"]
                )
                #expect(answer.hasPrefix("\(who) POST /u 2000000 "), "\(answer)")
            }
            let big = try Programs.output(["curl"] + common + ["\(url)/big", "\(url)/big/chunked"])
            #expect(big.utf8.count { $0 == 0x78 } == 6_000_000)
            #expect(try Programs.output(["curl"] + common + ["-I", "\(url)/head"]).hasPrefix("HTTP/1.1 200 OK"))
        }
        await scene.close()
        withExtendedLifetime((app, local)) {}
    }
}
