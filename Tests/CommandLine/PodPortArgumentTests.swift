import ArgumentParser
import Message
import Testing

@testable import CommandLine

@Suite("--to-pod")
struct PodPortArgumentTests {
    @Test(
        "a port and its protocol",
        arguments: [
            ("9090", 9090, PortProtocol.tcp), ("9090/TCP", 9090, .tcp), ("53/udp", 53, .udp), ("53/UDP", 53, .udp),
        ] as [(String, UInt16, PortProtocol)]
    )
    func parses(text: String, number: UInt16, transport: PortProtocol) throws {
        #expect(try PodPortArgument.parse(text) == PortSpec(protocol: transport, localPort: number))
    }

    @Test("what is wrong is named", arguments: ["", "x", "0", "65536", "80:80", "80/SCTP", "80/", "80/udp/x", "-1"])
    func refuses(text: String) {
        let error = #expect(throws: CommandError.self) { try PodPortArgument.parse(text) }
        #expect(error?.message.contains("--to-pod \(text):") == true)
        #expect(error?.exitCode == 64)
    }

    @Test("each port once, and none that requests come to")
    func ports() throws {
        let taken = [PortSpec(protocol: .tcp, localAddress: "127.0.0.1", localPort: 8080)]
        func ports(_ words: String...) throws -> [PortSpec] {
            try PodPortOptions.parse(words.flatMap { ["--to-pod", $0] }).ports(beside: taken)
        }
        #expect(try ports("9090", "9090/UDP", "8080/UDP").count == 3)
        #expect(throws: CommandError.self) { try ports("9090", "9090/TCP") }
        #expect(throws: CommandError.self) { try ports("8080") }
    }
}
