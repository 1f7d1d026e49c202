import CommandLine
import Message
import Testing

@Suite("--port")
struct PortArgumentTests {
    @Test(
        "local, remote and protocol are told apart",
        arguments: [
            ("8080", 8080, "", PortProtocol.tcp),
            ("8080:http", 8080, "http", .tcp),
            ("8080:80", 8080, "80", .tcp),
            ("5353:53/UDP", 5353, "53", .udp),
            ("5353:dns/udp", 5353, "dns", .udp),
            ("8080:http/TCP", 8080, "http", .tcp),
        ] as [(String, UInt16, String, PortProtocol)]
    )
    func parses(text: String, local: UInt16, remote: String, transport: PortProtocol) throws {
        let spec = try PortArgument.parse(text, address: "127.0.0.1")
        #expect(spec.localPort == local)
        #expect(spec.remote == remote)
        #expect(spec.protocol == transport)
        #expect(spec.localAddress == "127.0.0.1")
    }

    @Test(
        "what is wrong is named, with an example of what is right",
        arguments: ["x", "0", "65536", "80:", "80:http:more", "80:99999", "80:0", "80:http/SCTP", ":80", "-1"]
    )
    func refuses(text: String) {
        let error = #expect(throws: CommandError.self) { try PortArgument.parse(text, address: "127.0.0.1") }
        #expect(error?.message.contains(text) == true)
        #expect(error?.remedy != nil)
        #expect(error?.exitCode == 64)
    }
}
