package import Message

/// The value of `--port`: `LOCAL`, `LOCAL:REMOTE` or `LOCAL:REMOTE/UDP`.
package enum PortArgument {
    /// Parses one value; an empty one means the workload's only port on the same number locally.
    package static func parse(_ text: String, address: String) throws(CommandError) -> PortSpec {
        var spec = PortSpec()
        spec.localAddress = address
        spec.protocol = .tcp
        guard !text.isEmpty else { return spec }
        var rest = Substring(text)
        if let slash = rest.lastIndex(of: "/") {
            switch rest[rest.index(after: slash)...].lowercased() {
            case "tcp": spec.protocol = .tcp
            case "udp": spec.protocol = .udp
            default: throw wrong(text, "the protocol after / is TCP or UDP")
            }
            rest = rest[..<slash]
        }
        let parts = rest.split(separator: ":", omittingEmptySubsequences: false)
        guard parts.count <= 2 else { throw wrong(text, "there is at most one colon") }
        guard let local = UInt16(parts[0]), local > 0 else {
            throw wrong(text, "the local port is a number from 1 to 65535")
        }
        spec.localPort = local
        if parts.count == 2 {
            guard !parts[1].isEmpty else { throw wrong(text, "nothing follows the colon") }
            if parts[1].allSatisfy(\.isNumber), UInt16(parts[1]).map({ $0 > 0 }) != true {
                throw wrong(text, "a remote port by number is from 1 to 65535")
            }
            spec.remote = String(parts[1])
        }
        return spec
    }

    private static func wrong(_ text: String, _ reason: String) -> CommandError {
        CommandError(
            "--port \(text): \(reason)",
            remedy: "--port 8080, --port 8080:http or --port 8080:53/UDP",
            exitCode: 64
        )
    }
}
