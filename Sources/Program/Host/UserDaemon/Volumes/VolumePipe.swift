import Glibc
import Kernel

/// What sshfs runs in place of ssh: joins standard input and output with the user daemon's socket for volumes.
///
/// Where the socket is and which volumes are meant is in the environment; arguments are ssh's and are passed over.
package enum VolumePipe {
    /// The hidden sub-command.
    package static let command = "volume-pipe"
    static let socketVariable = "TELEPRESENCE_VOLUME_SOCKET"
    static let mountVariable = "TELEPRESENCE_VOLUME_MOUNT"

    /// Runs until either side ends; the exit status.
    package static func main() -> Int32 {
        signal(SIGPIPE, SIG_IGN)
        let environment = ProgramEnvironment.current
        guard let path = environment[socketVariable], let mount = environment[mountVariable] else { return 64 }
        guard let socket = connect(path, mount) else { return 69 }
        // One thread for each direction; a process of two is enough.
        let reader = socket
        guard
            let thread = try? DedicatedThread.start({
                pump(STDIN_FILENO, reader.rawValue)
                // The other side answers what it has been asked, and ends.
                shutdown(reader.rawValue, CInt(SHUT_WR))
            })
        else { return 71 }
        pthread_detach(thread)
        pump(socket.rawValue, STDOUT_FILENO)
        return 0
    }

    /// A socket at whose other end the agent serves a mount's volumes; nil when that does not come about.
    static func connect(_ path: String, _ mount: String) -> Descriptor? {
        guard let socket = try? UnixSockets.connect(path), put(Array((mount + "\n").utf8)[...], socket.rawValue),
            get(socket.rawValue) == [UInt8(ascii: "+")]
        else { return nil }
        return socket
    }

    /// One byte; empty at the end.
    private static func get(_ descriptor: CInt) -> [UInt8] {
        var byte: UInt8 = 0
        while true {
            let count = read(descriptor, &byte, 1)
            if count < 0, errno == EINTR { continue }
            return count == 1 ? [byte] : []
        }
    }

    private static func pump(_ from: CInt, _ to: CInt) {
        var buffer = [UInt8](repeating: 0, count: 256 << 10)
        while true {
            let count = read(from, &buffer, buffer.count)
            if count < 0, errno == EINTR { continue }
            guard count > 0, put(buffer[..<count], to) else { return }
        }
    }

    private static func put(_ bytes: ArraySlice<UInt8>, _ to: CInt) -> Bool {
        var rest = bytes
        while !rest.isEmpty {
            let count = rest.withUnsafeBytes { write(to, $0.baseAddress, $0.count) }
            if count < 0, errno == EINTR { continue }
            guard count > 0 else { return false }
            rest = rest.dropFirst(count)
        }
        return true
    }
}
