import NIOCore
import TestSupport
import Testing

@testable import Host

/// Gates whose servers fail, lie or do not read: nobody waits in vain, and nobody is answered by the wrong one.
@Suite(.ownThreads, .timeLimit(.minutes(3))) struct HTTPGateFaultTests {
    private static let mine = HTTPGateTests.mine

    /// Closes a connection upon its second request, without a word, when the first one asked for it.
    private static let fickle = """
        def serve(c):
            f = c.makefile('rb')
            leaves = False
            while True:
                line = f.readline()
                if not line: return
                while f.readline() not in (b'\\r\\n', b''): pass
                if leaves: return
                target = line.split()[1]
                leaves = target == b'/leave'
                text = name + b' GET ' + target + b' 0 d41d8c\\n'
                c.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: %d\\r\\n\\r\\n' % len(text) + text)
        listen(serve)
        """

    @Test("a request that crosses with the end of a connection kept for it is asked again, where that does no harm")
    func crossing() async throws {
        let app = try PythonServer(Self.fickle, "app")
        let local = try PythonServer(Self.fickle, "local")
        let scene = try await GateScene(appPort: app.port, workstationPort: local.port)
        try await scene.set { $0.header = ("x-user", "me") }
        let client = try GateClient(scene.port)
        #expect(client.ask("/leave") == "app")
        #expect(client.ask("/1", Self.mine) == "local")
        // The app's connection was kept, and ends without an answer.
        #expect(client.ask("/2") == "app")
        // So does that of the workstation, which the client knows nothing of.
        #expect(client.ask("/leave", Self.mine) == "local")
        #expect(client.ask("/3", Self.mine) == "local")
        #expect(try await scene.workstationDials() == 2)
        // What may have been done already is not asked twice.
        #expect(client.ask("/leave", Self.mine) == "local")
        client.send("POST /4 HTTP/1.1\r\n\(Self.mine)Content-Length: 0\r\n\r\n")
        #expect(client.read() == "<end>")
        #expect(try await scene.workstationDials() == 2)
        await scene.close()
        withExtendedLifetime((app, local)) {}
    }

    @Test("a workstation that is gone while nothing is asked of it does not hold up the next request")
    func goneWhileIdle() async throws {
        let (app, local) = (try PythonServer(Self.fickle, "app"), try PythonServer(Self.fickle, "local"))
        let scene = try await GateScene(appPort: app.port, workstationPort: local.port, idleTime: .milliseconds(1))
        try await scene.set { $0.header = ("x-user", "me") }
        let client = try GateClient(scene.port)
        #expect(client.ask("/1", Self.mine) == "local")
        try await scene.set { $0.answers = .fails }
        // Longer than the idle time: the tunnel that was open is not trusted any more.
        try await Task.sleep(for: .milliseconds(50))
        #expect(client.ask("/2", Self.mine) == "app")
        try await scene.set { $0.answers = .takes }
        #expect(client.ask("/3", Self.mine) == "local")
        await scene.close()
        withExtendedLifetime((app, local)) {}
    }

    @Test("a workstation's end while nothing is asked of it is not the client's")
    func endWhileIdle() async throws {
        let server = """
            def serve(c):
                f = c.makefile('rb')
                while f.readline() not in (b'\\r\\n', b''): pass
                c.sendall(b'HTTP/1.1 200 OK\\r\\nContent-Length: 19\\r\\n\\r\\n' + name + b' GET / 0 d41d8c\\n')
            listen(serve)
            """
        let (app, local) = (try PythonServer(Self.fickle, "app"), try PythonServer(server, "loc"))
        let scene = try await GateScene(appPort: app.port, workstationPort: local.port)
        try await scene.set { $0.header = ("x-user", "me") }
        let client = try GateClient(scene.port)
        for number in 0..<5 {
            client.send("GET / HTTP/1.1\r\n\(Self.mine)\r\n")
            #expect(client.read(until: "loc GET / 0 d41d8c\n").hasPrefix("HTTP/1.1 200 OK\r\n"))
            #expect(client.ask("/n\(number)") == "app")
        }
        await scene.close()
        withExtendedLifetime((app, local)) {}
    }

    @Test("behind an answer that nobody understands, a request for another is not passed to the one who gave it")
    func lost() async throws {
        let liar = """
            def serve(c):
                f = c.makefile('rb')
                while True:
                    line = f.readline()
                    if not line: return
                    while f.readline() not in (b'\\r\\n', b''): pass
                    c.sendall(b'HTTP/1.1 200 OK\\nContent-Length: 4\\n\\n' + line.split()[1] + b'\\n')
            listen(serve)
            """
        let (app, local) = (try PythonServer(Self.fickle, "app"), try PythonServer(liar, "local"))
        let scene = try await GateScene(appPort: app.port, workstationPort: local.port)
        try await scene.set { $0.header = ("x-user", "me") }
        let client = try GateClient(scene.port)
        for number in 1...2 {
            client.send("GET /\(number)x HTTP/1.1\r\n\(Self.mine)\r\n")
            #expect(client.read(until: "/\(number)x\n").hasPrefix("HTTP/1.1 200 OK\n"))
        }
        client.send("GET /n HTTP/1.1\r\n\r\n")
        let answer = client.read()
        #expect(!answer.contains("/n"), "\(answer)")
        // One that waited for its turn does not wait on: ECONNRESET.
        let waiting = try GateClient(scene.port)
        waiting.send("GET /3x HTTP/1.1\r\n\(Self.mine)\r\nGET /n HTTP/1.1\r\n\r\n")
        let reset = waiting.read()
        #expect(reset.hasSuffix("<error 104>") && !reset.contains("/n"), "\(reset)")
        await scene.close()
        withExtendedLifetime((app, local)) {}
    }

    @Test("a client that ends before its upgrade is answered is heard to its last byte, and its end too")
    func endBeforeSwitch() async throws {
        let (scene, app, local) = try await HTTPGateTests.scene()
        try await scene.set { $0.header = ("x-user", "me") }
        for (field, who) in [(Self.mine, "local"), ("", "app")] {
            let client = try GateClient(scene.port)
            client.send("GET /ws HTTP/1.1\r\nUpgrade: echo\r\nConnection: upgrade\r\n\(field)\r\nhello")
            client.end()
            let answer = client.read()
            #expect(answer.contains(" 101 ") && answer.hasSuffix("\(who):hello<end>"), "\(answer)")
        }
        await scene.close()
        withExtendedLifetime((app, local)) {}
    }

    @Test("a workstation that does not read holds back its client, not the agent's memory")
    func slowWorkstation() async throws {
        let sleeper = "listen(lambda c: threading.Event().wait())"
        let (app, local) = (try PythonServer(Self.fickle, "app"), try PythonServer(sleeper, "local"))
        let scene = try await GateScene(appPort: app.port, workstationPort: local.port)
        try await scene.set { $0.header = ("x-user", "me") }
        let client = try GateClient(scene.port)
        let size = 256 << 20
        client.send("POST / HTTP/1.1\r\n\(Self.mine)Content-Length: \(size)\r\n\r\n")
        let sent = client.push([UInt8](repeating: 0x61, count: 1 << 20), upTo: size, patience: 2)
        // What the kernel's buffers of two connections take, and a few reads.
        #expect(sent < size / 2, "\(sent >> 20) MiB")
        #expect(try GateClient(scene.port).ask("/free") == "app")
        await scene.close()
        withExtendedLifetime((app, local)) {}
    }
}
