import HTTP2
import Testing
import Tunnel

@Suite struct TunnelRequestTests {
    @Test("authorities", arguments: [("a.b:80", "a.b", 80), ("10.0.0.1:1", "10.0.0.1", 1), ("[::1]:443", "::1", 443)])
    func authority(text: String, host: String, port: Int) throws {
        let destination = try #require(TunnelDestination(authority: text))
        #expect(destination == TunnelDestination(host: host, port: UInt16(port)))
        #expect(destination.authority == text)
        #expect(TunnelDestination(path: destination.path) == destination)
    }

    @Test(
        "what is no authority",
        arguments: ["", "a", "a:", ":80", "a:0", "a:65536", "::1:80", "[]:80", "a b:80", "a:80x"]
    )
    func badAuthority(text: String) { #expect(TunnelDestination(authority: text) == nil) }

    @Test(
        "what is no path",
        arguments: [
            "/", "/.well-known/masque/udp/a/0/", "/.well-known/masque/udp//80/", "/.well-known/masque/udp/a/80",
        ]
    )
    func badPath(text: String) { #expect(TunnelDestination(path: text) == nil) }

    @Test("only CONNECT asks for a tunnel, and it must do so rightly")
    func requests() throws {
        #expect(TunnelRequest.parse([HeaderField(":method", "POST"), HeaderField(":path", "/")]) == nil)
        let tcp = TunnelRequest.parse([HeaderField(":method", "CONNECT"), HeaderField(":authority", "a:1")])
        #expect(try tcp?.get().transport == .tcp)
        let bad = [
            [HeaderField(":method", "CONNECT"), HeaderField(":authority", "a")],
            [HeaderField(":method", "CONNECT"), HeaderField(":protocol", "websocket"), HeaderField(":path", "/")],
        ]
        for fields in bad {
            guard case .failure = TunnelRequest.parse(fields) else {
                Issue.record("accepted \(fields)")
                continue
            }
        }
    }

    @Test("failures survive the wire", arguments: [DialFailure.refused, .unreachable, .timeout, .policy])
    func failures(failure: DialFailure) {
        #expect(DialFailure(status: failure.status, token: failure.token) == failure)
    }
}
