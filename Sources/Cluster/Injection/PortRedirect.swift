/// Packets that come from outside the pod to one port and are redirected to another: what `traffic agent-init` sets up.
///
/// The list travels in the environment variable ``environmentName`` as `8080:9900/tcp,10900:8080/tcp`. A redirect applies to
/// packets that arrive by an interface other than `lo`, so what the agent itself sends to the app is never caught.
package struct PortRedirect: Sendable, Hashable {
    /// The environment variable of the init container that carries the list.
    package static let environmentName = "TELEPRESENCE_REDIRECTS"

    /// `tcp` or `udp`.
    package var transport: String
    /// The port that packets come to.
    package var from: Int
    /// The port that gets them.
    package var to: Int

    package init(transport: String, from: Int, to: Int) {
        self.transport = transport
        self.from = from
        self.to = to
    }

    /// The text form of a list.
    package static func text(_ redirects: [PortRedirect]) -> String {
        redirects.map { "\($0.from):\($0.to)/\($0.transport)" }.joined(separator: ",")
    }

    /// Reads the text form of a list; nil when any entry is wrong.
    ///
    /// An empty text is an empty list.
    package static func parse(_ text: String) -> [PortRedirect]? {
        var redirects: [PortRedirect] = []
        for entry in text.split(separator: ",", omittingEmptySubsequences: true) {
            let halves = entry.split(separator: "/", omittingEmptySubsequences: false)
            guard halves.count == 2, halves[1] == "tcp" || halves[1] == "udp" else { return nil }
            let ports = halves[0].split(separator: ":", omittingEmptySubsequences: false).compactMap { UInt16($0) }
            guard ports.count == 2, ports[0] > 0, ports[1] > 0 else { return nil }
            redirects.append(PortRedirect(transport: String(halves[1]), from: Int(ports[0]), to: Int(ports[1])))
        }
        return redirects
    }
}
