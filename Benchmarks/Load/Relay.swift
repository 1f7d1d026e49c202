import Glibc
import Kernel

/// A plain TCP relay, as the yardstick: two threads for each connection, 256 KiB at a time.
enum Relay {
    /// Serves a listener for ever.
    static func serve(_ listener: Descriptor, to endpoint: InternetEndpoint) throws(SystemError) {
        while true {
            let near = try Sockets.accept(listener)
            let thread = try DedicatedThread.start {
                guard let far = try? Sockets.connectTCP(endpoint) else { return }
                try? Sockets.set(near, CInt(IPPROTO_TCP), TCP_NODELAY, 1)
                try? Sockets.set(far, CInt(IPPROTO_TCP), TCP_NODELAY, 1)
                guard let back = try? DedicatedThread.start({ copy(far, near) }) else { return }
                copy(near, far)
                DedicatedThread.join(back)
            }
            pthread_detach(thread)
        }
    }

    /// Copies one direction to its end, and passes the end on.
    private static func copy(_ source: Descriptor, _ target: Descriptor) {
        var block = [UInt8](repeating: 0, count: 256 << 10)
        while true {
            let count = recv(source.rawValue, &block, block.count, 0)
            guard count > 0 else { break }
            var sent = 0
            while sent < count {
                let more = block.withUnsafeBytes { raw in
                    send(target.rawValue, raw.baseAddress.map { $0 + sent }, count - sent, 0)
                }
                guard more > 0 else {
                    // Who sends shall learn that nobody reads.
                    _ = shutdown(source.rawValue, CInt(SHUT_RDWR))
                    return
                }
                sent += more
            }
        }
        _ = shutdown(target.rawValue, CInt(SHUT_WR))
    }
}
