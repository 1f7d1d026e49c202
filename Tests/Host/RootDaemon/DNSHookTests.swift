import Kernel
import Testing

@testable import Host

@Suite struct DNSHookTests {
    @Test("behind systemd-resolved those are asked whom it asks, never itself, which would ask us again")
    func upstreams() throws {
        let stub = try #require(InternetAddress("127.0.0.53"))
        let router = try #require(InternetAddress("192.168.1.1"))
        let text = "nameserver 192.168.1.1\nnameserver 127.0.0.1\n"
        #expect(DNSHook.upstreams([stub], text: text) == [router])
        #expect(DNSHook.upstreams([stub], text: nil) == [])
        // Anybody else's resolvers are what they are.
        let own = try #require(InternetAddress("127.0.0.1"))
        #expect(DNSHook.upstreams([router, own], text: text) == [router, own])
    }
}
