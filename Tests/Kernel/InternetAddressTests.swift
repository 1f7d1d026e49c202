import Testing

@testable import Kernel

@Suite("Internet addresses")
struct InternetAddressTests {
    @Test("Addresses keep their text form", arguments: ["10.0.0.1", "255.255.255.255", "::1", "fd00:0:0:246::2", "::"])
    func roundTrip(text: String) throws {
        let address = try #require(InternetAddress(text))
        #expect(address.description == text)
        #expect(InternetAddress(bytes: address.bytes) == address)
    }

    @Test(
        "What is no address is refused",
        arguments: ["", "10.0.0", "10.0.0.256", "::g", "[::1]", "1.2.3.4/8", "host"]
    )
    func refused(text: String) {
        #expect(InternetAddress(text) == nil)
    }

    @Test("Endpoints keep their text form", arguments: ["10.0.0.1:80", "[fd00::1]:65535"])
    func endpoints(text: String) throws {
        #expect(try #require(InternetEndpoint(text)).description == text)
    }

    @Test("What is no endpoint is refused", arguments: ["10.0.0.1", "fd00::1:80", "[::1]", "1.2.3.4:65536", ":80"])
    func refusedEndpoints(text: String) {
        #expect(InternetEndpoint(text) == nil)
    }

    @Test(
        "Prefixes contain what they should",
        arguments: [
            ("10.0.0.0/8", "10.255.0.1", true), ("10.0.0.0/8", "11.0.0.0", false), ("0.0.0.0/0", "1.2.3.4", true),
            ("fd00::/64", "fd00::1", true), ("fd00::/64", "fd00:0:0:1::1", false),
            ("fd00::/65", "fd00::8000:0:0:1", false),
            ("fd00::1/128", "fd00::1", true), ("10.0.0.0/8", "::1", false), ("::/0", "ff::", true),
        ]
    )
    func containment(prefix: String, address: String, expected: Bool) throws {
        #expect(try #require(InternetPrefix(prefix)).contains(#require(InternetAddress(address))) == expected)
    }

    @Test("Host bits are cleared and lengths are checked")
    func hostBits() {
        #expect(InternetPrefix("10.1.2.3/8")?.description == "10.0.0.0/8")
        #expect(InternetPrefix("fd00::1/64")?.description == "fd00::/64")
        #expect(InternetPrefix("10.1.2.3/33") == nil)
        #expect(InternetPrefix("10.1.2.3/-1") == nil)
        #expect(InternetPrefix("10.1.2.3/") == nil)
        #expect(InternetPrefix("10.1.2.3")?.length == 32)
    }
}
