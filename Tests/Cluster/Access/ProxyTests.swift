import NIOCore
import NIOPosix
import TLS
import TestSupport
import Testing

@testable import Cluster

@Suite(.timeLimit(.minutes(1))) struct ProxyTests {
    @Test(
        "proxies are read from their URLs",
        arguments: [
            ("http://p", ProxyAddress.Kind.http, "p", 80, nil, nil),
            ("https://p.test:8443/", .https, "p.test", 8443, nil, nil),
            ("socks5h://u:p%40ss@[::1]:1081", .socks5, "::1", 1081, "u", "p@ss"),
            ("http://u@p:3128", .http, "p", 3128, "u", ""),
        ]
    )
    func reads(url: String, kind: ProxyAddress.Kind, host: String, port: Int, user: String?, password: String?) throws {
        let proxy = try ProxyAddress(url: url)
        #expect(proxy.kind == kind)
        #expect(proxy.host == host)
        #expect(proxy.port == port)
        #expect(proxy.user == user)
        #expect(proxy.password == password)
        #expect(!proxy.url.contains("@"))
    }

    @Test("what is no proxy is refused", arguments: ["p:1", "ftp://p", "http://", "http://p:x", "http://p:0"])
    func refuses(url: String) {
        #expect(throws: ProxyAddress.Failure.self) { try ProxyAddress(url: url) }
    }

    @Test(
        "exceptions of the environment hold",
        arguments: [
            ("", true), ("*", false), ("api.test", false), ("test", false), (".test", false), ("est", true),
            ("api.test:6443", false), ("api.test:1", true), ("other.test, api.test", false), ("10.0.0.0/8", true),
        ]
    )
    func exceptions(list: String, used: Bool) {
        let environment = ["https_proxy": "gate:3128", "no_proxy": list]
        let proxy = ProxyEnvironment.proxy(host: "api.test", port: 6443, environment: environment)
        #expect(proxy == (used ? "http://gate:3128" : nil))
    }

    @Test("prefixes of the environment hold for addresses; loopback is always direct") func prefixes() {
        let environment = ["HTTPS_PROXY": "http://gate", "NO_PROXY": "10.0.0.0/8"]
        #expect(ProxyEnvironment.proxy(host: "10.9.8.7", port: 1, environment: environment) == nil)
        #expect(ProxyEnvironment.proxy(host: "11.9.8.7", port: 1, environment: environment) != nil)
        #expect(ProxyEnvironment.proxy(host: "127.0.0.1", port: 1, environment: environment) == nil)
    }

    @Test("CONNECT and SOCKS5 take their answers at any cut") func machine() throws {
        let socks: [[UInt8]] = [[5, 2], [1, 0], [5, 0, 0, 3, 2, 65, 66, 0, 80]]
        var machine = ProxyMachine(try ProxyAddress(url: "socks5://u:p@h"), host: "api", port: 443)
        #expect(machine.start() == [5, 2, 0, 2])
        var sent: [[UInt8]] = []
        var open = false
        for byte in socks.flatMap(\.self) {
            switch try machine.feed([byte]) {
            case .send(let bytes): sent.append(bytes)
            case .open: open = true
            case .wait: break
            }
        }
        #expect(sent == [[1, 1, 117, 1, 112], [5, 1, 0, 3, 3, 97, 112, 105, 1, 187]])
        #expect(open)
        var connect = ProxyMachine(try ProxyAddress(url: "http://u:p@h"), host: "::1", port: 443)
        let head = String(decoding: connect.start(), as: UTF8.self)
        #expect(head.hasPrefix("CONNECT [::1]:443 HTTP/1.1\r\n"))
        #expect(head.contains("\r\nProxy-Authorization: Basic dTpw\r\n"))
        #expect(try connect.feed(Array("HTTP/1.1 200 OK\r\nVia: x\r\n\r".utf8)) == .wait)
        #expect(try connect.feed([10]) == .open)
        var refused = ProxyMachine(try ProxyAddress(url: "http://h"), host: "api", port: 443)
        _ = refused.start()
        let error = #expect(throws: ProxyError.self) {
            try refused.feed(Array("HTTP/1.1 407 Proxy Authentication Required\r\n\r\n".utf8))
        }
        #expect(error?.message.contains("407") == true)
    }

    @Test("requests and port-forwards go through the proxy", arguments: ["http", "socks5"])
    func through(kind: String) async throws {
        let server = try await TestAPIServer.start { _ in .json(200, ["kind": "Pod"]) }
        let proxy = try await TestProxy.start()
        var access = try server.access()
        access.endpoint.proxy = try ProxyAddress(url: "\(kind)://127.0.0.1:\(proxy.port)")
        let connection = APIConnection(access: access)
        let object = try await within { [connection] in
            try await connection.get(.pods, namespace: "d", name: "p")
        }
        #expect(object["kind"]?.string == "Pod")
        let channel = try await PortForward.open(
            access: access,
            namespace: "d",
            pod: "p",
            port: 80,
            on: MultiThreadedEventLoopGroup.singleton.next()
        )
        #expect(proxy.count.value == 2)
        try await channel.close()
        connection.close()
        await proxy.stop()
        await server.stop()
    }

    @Test("a proxy that is not there or refuses is named in the error") func failures() async throws {
        let server = try await TestAPIServer.start { _ in .json(200, [:]) }
        let proxy = try await TestProxy.start(refusing: true)
        var access = try server.access()
        for (address, words) in [
            ("http://127.0.0.1:\(proxy.port)", "403"), ("http://127.0.0.1:1", "cannot be reached"),
        ] {
            access.endpoint.proxy = try ProxyAddress(url: address)
            let connection = APIConnection(access: access)
            let error = await #expect(throws: APIError.self) { try await connection.get(.pods, name: "p") }
            #expect(error?.kind == .unreachable)
            #expect(error?.message.contains("the proxy \(address)") == true)
            #expect(error?.message.contains(words) == true)
            connection.close()
        }
        await proxy.stop()
        await server.stop()
    }
}
