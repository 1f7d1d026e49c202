import Message

/// A request that a filtered attachment is for, as a command that can be pasted into a shell.
struct RequestExample {
    let text: String

    /// Nil where it has no port that HTTP may be spoken at.
    init?(_ attachment: Attachment) {
        let spec = attachment.spec
        guard let port = attachment.ports.first(where: { $0.protocol != .udp }) else { return nil }
        var words = ["curl"]
        for (name, value) in spec.headers.sorted(by: { $0.key < $1.key }) {
            words += ["-H", Self.quoted("\(name): \(value)")]
        }
        let isTLS = port.servicePort == 443 || port.servicePortName == "https"
        let (host, number) =
            port.serviceName.isEmpty
            ? (attachment.podIP, port.containerPort) : ("\(port.serviceName).\(spec.namespace)", port.servicePort)
        guard !host.isEmpty else { return nil }
        let place = host.contains(":") ? "[\(host)]" : host
        let suffix = number == (isTLS ? 443 : 80) ? "" : ":\(number)"
        let path =
            switch spec.pathMatch {
            case .unknown: "/"
            case .equal, .prefix: spec.path
            // Nobody can say which paths match.
            case .regex: "/PATH"
            }
        words.append(Self.quoted("\(isTLS ? "https" : "http")://\(place)\(suffix)\(path)"))
        text = words.joined(separator: " ")
    }

    /// One word of a shell's command line.
    private static func quoted(_ word: String) -> String {
        let plain = word.utf8.allSatisfy { byte in
            (97...122).contains(byte) || (65...90).contains(byte) || (48...57).contains(byte)
                || "-_./:=@%+,".utf8.contains(byte)
        }
        return plain
            ? word : "'" + word.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''") + "'"
    }
}
