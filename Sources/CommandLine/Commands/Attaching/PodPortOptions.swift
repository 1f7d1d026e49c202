import ArgumentParser
package import Message

/// Which ports of the pod the workstation gets.
struct PodPortOptions: ParsableArguments {
    @Option(
        help: ArgumentHelp(
            "A port of the pod that 127.0.0.1 leads to here, for what runs beside the container. May be repeated.",
            valueName: "port[/udp]"
        )
    )
    var toPod: [String] = []

    init() {}

    /// The ports, each once.
    ///
    /// - Parameter taken: Where requests of the attachment come to; those ports cannot lead away.
    /// - Returns: Each with its local port and protocol.
    /// - Throws: `CommandError` where a value is wrong or stands twice.
    func ports(beside taken: [PortSpec] = []) throws -> [PortSpec] {
        var ports: [PortSpec] = []
        for text in toPod {
            let port = try PodPortArgument.parse(text)
            func isSame(_ other: PortSpec) -> Bool {
                other.localPort == port.localPort && (other.protocol == .udp) == (port.protocol == .udp)
            }
            if ports.contains(where: isSame) {
                throw CommandError("--to-pod \(text) is given twice", exitCode: 64)
            }
            if taken.contains(where: { isSame($0) && ["127.0.0.1", "localhost"].contains($0.localAddress) }) {
                throw CommandError(
                    "--to-pod \(text): requests of --port come to that local port",
                    remedy: "give --port another local port",
                    exitCode: 64
                )
            }
            ports.append(port)
        }
        return ports
    }
}

/// The value of `--to-pod`: `PORT`, `PORT/TCP` or `PORT/UDP`.
package enum PodPortArgument {
    /// Parses one value.
    package static func parse(_ text: String) throws(CommandError) -> PortSpec {
        let parts = text.split(separator: "/", omittingEmptySubsequences: false)
        let transport = parts.count == 2 ? parts[1].lowercased() : "tcp"
        guard parts.count <= 2, let port = UInt16(parts[0]), port > 0, ["tcp", "udp"].contains(transport) else {
            throw CommandError(
                "--to-pod \(text): a port is a number from 1 to 65535, and TCP or UDP",
                remedy: "--to-pod 9090 or --to-pod 53/UDP",
                exitCode: 64
            )
        }
        return PortSpec(protocol: transport == "udp" ? .udp : .tcp, localPort: port)
    }

    /// A port as it is written.
    static func text(_ port: PortSpec) -> String { "\(port.localPort)/\(port.protocol == .udp ? "UDP" : "TCP")" }
}
