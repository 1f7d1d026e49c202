import HTTP2

/// Two open links to a traffic manager, one for calls and outbound tunnels, one for tunnels towards here, and the way that
/// both take.
///
/// Confined to the links' event loop.
final class ManagerWay {
    let forward: Link
    let reverse: Link
    /// As `status` says it: `port-forward`, or `direct (192.0.2.1:30081)`.
    let name: String

    init(forward: Link, reverse: Link, name: String) {
        self.forward = forward
        self.reverse = reverse
        self.name = name
    }

    /// Takes no new tunnels; the links end with the last of those that are open.
    func drain() {
        forward.drain()
        reverse.drain()
    }

    func close() {
        forward.close()
        reverse.close()
    }
}
