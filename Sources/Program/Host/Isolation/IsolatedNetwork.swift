import Glibc
package import Kernel
import Synchronization

/// The user daemon's side of an isolated network: starts the holder, has its descriptors, makes sockets inside.
///
/// Concurrency model: safe from any thread; calls block for as long as the holder needs, which is well under a
/// millisecond but for `start` and `connectTCP`.
package final class IsolatedNetwork: Sendable {
    /// The holder's process, whose namespaces `NamespaceEntry` enters.
    package let holder: Int32

    /// The interface's name inside.
    package let interface: String

    /// The interface, for `VirtualInterface`.
    package let tun: Descriptor

    /// The listeners, for `VirtualInterface`.
    package let listeners: [Descriptor]

    private let control: Descriptor
    private let turn = Mutex<Void>(())
    private let reaped = Mutex<Bool>(false)

    private init(holder: Int32, interface: String, tun: Descriptor, listeners: [Descriptor], control: Descriptor) {
        self.holder = holder
        self.interface = interface
        self.tun = tun
        self.listeners = listeners
        self.control = control
    }

    /// Starts the holder: `executable` with the words `arguments` (default: the hidden sub-command).
    package static func start(
        executable: String,
        arguments: [String] = [IsolationHolder.command]
    ) throws(IsolationError) -> IsolatedNetwork {
        let own: Descriptor
        let process: pid_t
        let bytes: [UInt8]
        let descriptors: [Descriptor]
        do throws(SystemError) {
            let pair = try UnixSockets.pair()
            own = pair.0
            process = try spawn(executable, arguments, control: pair.1)
            pair.1.close()
            (bytes, descriptors) = try UnixSockets.receive(over: own)
        } catch {
            throw IsolationError(error)
        }
        let text = String(decoding: bytes, as: UTF8.self)
        let words = text.split(separator: " ", maxSplits: 2)
        guard words.count == 3, words[0] == "ok", descriptors.count >= 2 else {
            own.close()
            var status: CInt = 0
            waitpid(process, &status, 0)
            throw IsolationError(text.hasPrefix("error ") ? String(text.dropFirst(6)) : "the holder died at its start")
        }
        return IsolatedNetwork(
            holder: process,
            interface: String(words[2]),
            tun: descriptors[0],
            listeners: Array(descriptors.dropFirst()),
            control: own
        )
    }

    /// A TCP connection to a program that listens inside, such as a handler that was started there.
    package func connectTCP(
        _ endpoint: InternetEndpoint,
        timeoutMilliseconds: Int32 = 5000
    ) throws(SystemError) -> Descriptor {
        let socket = try make(endpoint.address.family == .v4 ? .tcpV4 : .tcpV6)
        try Sockets.connect(socket, endpoint, timeoutMilliseconds: timeoutMilliseconds)
        return socket
    }

    /// A UDP socket inside that talks to one peer.
    package func connectUDP(_ endpoint: InternetEndpoint) throws(SystemError) -> Descriptor {
        let socket = try make(endpoint.address.family == .v4 ? .udpV4 : .udpV6)
        try Sockets.connect(socket, endpoint, timeoutMilliseconds: 0)
        return socket
    }

    /// A socket inside that has an address; over TCP it listens.
    package func listen(_ endpoint: InternetEndpoint, isUDP: Bool) throws(SystemError) -> Descriptor {
        let isV4 = endpoint.address.family == .v4
        let socket = try make(isUDP ? (isV4 ? .udpV4 : .udpV6) : (isV4 ? .tcpV4 : .tcpV6))
        do throws(SystemError) {
            if isUDP { try Sockets.bind(socket, endpoint) } else { try Sockets.listen(socket, endpoint) }
            return socket
        } catch {
            socket.close()
            throw error
        }
    }

    /// Ends the holder.
    ///
    /// Programs inside keep running, without a network.
    package func stop() {
        // A thread in `waitForEnd` keeps the socket alive through its descriptor's end: say the end aloud.
        shutdown(control.rawValue, CInt(SHUT_RDWR))
        control.close()
        reap()
    }

    /// Waits until the holder has ended by itself or by `stop`.
    ///
    /// Blocks.
    package func waitForEnd() {
        // POLLRDHUP: the holder has closed its end.
        _ = try? Sockets.wait(control, 0x2000, -1)
        reap()
    }

    private func reap() {
        reaped.withLock { done in
            guard !done else { return }
            var status: CInt = 0
            while waitpid(holder, &status, 0) < 0, errno == EINTR {}
            done = true
        }
    }

    private func make(_ kind: InsideSocket) throws(SystemError) -> Descriptor {
        let result = turn.withLock { _ -> Result<Descriptor, SystemError> in
            do throws(SystemError) {
                try UnixSockets.send([kind.rawValue], descriptors: [], over: control)
                let (bytes, descriptors) = try UnixSockets.receive(over: control, capacity: 1)
                guard let code = bytes.first else { throw SystemError("socket", "inside", code: ECONNRESET) }
                guard code == 0, let made = descriptors.first else {
                    throw SystemError("socket", "inside", code: CInt(code))
                }
                return .success(made)
            } catch {
                return .failure(error)
            }
        }
        return try result.get()
    }

    private static func spawn(
        _ executable: String,
        _ arguments: [String],
        control: Descriptor
    ) throws(SystemError) -> pid_t {
        let files: [CInt: ProgramLaunch.File] = [
            0: .null, IsolationHolder.controlNumber: .descriptor(control.rawValue),
        ]
        return try ProgramLaunch(executable, arguments, files: files).start()
    }
}
