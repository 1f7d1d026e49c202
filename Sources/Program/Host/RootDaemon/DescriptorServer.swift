import Glibc
import Kernel

/// Hands out descriptors over a Unix socket: the client sends its token, the answer is one byte and the descriptors.
///
/// Concurrency model: a thread of its own, which serves one client after the other and gives each two seconds.
final class DescriptorServer: Sendable {
    private let listener: Descriptor
    private let shelf: DescriptorShelf
    private let allowed: Set<UInt32>

    init(listener: Descriptor, shelf: DescriptorShelf, allowed: Set<UInt32>) {
        self.listener = listener
        self.shelf = shelf
        self.allowed = allowed
    }

    /// Starts serving, until the process ends.
    func start() throws(SystemError) {
        _ = try DedicatedThread.start { self.run() }
    }

    private func run() {
        while true {
            guard let client = try? Sockets.accept(listener) else { return }
            try? serve(client)
        }
    }

    private func serve(_ client: Descriptor) throws(SystemError) {
        guard allowed.contains(try UnixSockets.peerCredentials(client).user),
            try Sockets.wait(client, CInt(POLLIN), 2000)
        else { return }
        let token = try UnixSockets.receive(over: client, capacity: 64).bytes
        guard let descriptors = shelf.take(token) else { return }
        try UnixSockets.send([1], descriptors: descriptors, over: client)
    }
}
