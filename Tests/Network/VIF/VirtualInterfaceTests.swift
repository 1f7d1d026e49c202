import Glibc
import NIOCore
import Testing

@testable import Kernel
@testable import Network

/// Needs root, or a user namespace, for the TUN.
@Suite("The virtual interface on a real TUN", .enabled(if: geteuid() == 0))
struct VirtualInterfaceTests {
    @Test("TCP reaches the far side, both ways, with half-close", arguments: ["10.99.0.1:7", "[fd99::1]:7"])
    func tcp(destination: String) async throws {
        try await InterfaceBench.run { bench in
            let socket = try bench.connect(destination)
            let peer = try Sockets.peerEndpoint(socket)
            #expect("\(peer)" == destination)
            let sent = (0..<3_000_000).map { UInt8(truncatingIfNeeded: $0 &* 31 >> 3) }
            let writer = try DedicatedThread.start {
                var offset = 0
                while offset < sent.count {
                    let count = sent[offset...].withUnsafeBytes { write(socket.rawValue, $0.baseAddress, $0.count) }
                    if count <= 0 { break }
                    offset += count
                }
                shutdown(socket.rawValue, CInt(SHUT_WR))
            }
            let received = try readAll(socket)
            DedicatedThread.join(writer)
            #expect(received.count == sent.count)
            // Compared outside the macro, which would print both.
            let same = received == sent
            #expect(same)
            #expect(try bench.counters().malformed == 0)
        }
    }

    @Test(
        "A failed dial is told truthfully",
        arguments: [
            ("10.99.0.1:9", ECONNREFUSED), ("[fd99::1]:9", ECONNREFUSED), ("10.99.0.1:10", EHOSTUNREACH),
            ("[fd99::1]:10", EHOSTUNREACH), ("10.99.0.1:12", ENETUNREACH), ("[fd99::1]:12", ENETUNREACH),
            ("10.99.0.1:13", EHOSTUNREACH), ("[fd99::1]:13", EACCES),
        ]
    )
    func failedDial(destination: String, code: CInt) async throws {
        try await InterfaceBench.run { bench in
            let found = try bench.failure(destination)
            #expect(found == code, "the far side saw \(bench.log.all)")
        }
    }

    /// Linux wakes who polls before it sets the error: who asks all the time comes in between a few times in 4000.
    @Test("Who is woken before the error of a dial is set is told it too")
    func wokenEarly() async throws {
        let count = 4000
        try await InterfaceBench.run { bench in
            let endpoint = try #require(InternetEndpoint("10.99.0.1:12"))
            let codes = try bench.namespace.run { () throws(SystemError) in
                var codes: [CInt: Int] = [:]
                for _ in 0..<count { codes[try eagerDial(endpoint), default: 0] += 1 }
                return codes
            }
            #expect(codes == [ENETUNREACH: count])
        }
    }

    @Test("Into a black hole connect waits, its retransmissions are swallowed, and giving up cancels the dial")
    func blackHole() async throws {
        try await InterfaceBench.run { bench in
            let codeETIMEDOUT = try bench.failure("10.99.0.1:11", timeout: 1500)
            #expect(codeETIMEDOUT == ETIMEDOUT)
            // Closing a socket in SYN_SENT sends nothing: the kernel just forgets it. The next SYN on the same ports, or
            // the answer of the dial, tells.
            #expect(bench.log.all.filter { $0 == "dial 10.99.0.1:11" }.count == 1)
            try bench.eventLoop.submit { bench.cluster.value.answerWaiting() }.wait()
            #expect(bench.log.wait(for: "abandon"))
            #expect(!bench.log.all.contains("join"))
        }
    }

    @Test("A dial that takes long succeeds in the end")
    func slowDial() async throws {
        try await InterfaceBench.run { bench in
            let connecting = try DedicatedThread.start {
                do {
                    let socket = try bench.connect("10.99.0.1:11")
                    try echo(socket, "late")
                    bench.log.add("connected")
                } catch {
                    bench.log.add("\(error)")
                }
            }
            #expect(bench.log.wait(for: "dial 10.99.0.1:11"))
            try bench.eventLoop.submit { bench.cluster.value.answerWaiting() }.wait()
            DedicatedThread.join(connecting)
            #expect(bench.log.all.contains("connected"))
        }
    }

    @Test("After a dial that timed out, the program's next SYN is dialled anew")
    func dialTimeout() async throws {
        try await InterfaceBench.run { bench in
            let codeETIMEDOUT = try bench.failure("10.99.0.1:14", timeout: 1500)
            #expect(codeETIMEDOUT == ETIMEDOUT)
            #expect(bench.log.all.filter { $0 == "dial 10.99.0.1:14" }.count == 2)
        }
    }

    @Test("One source port serves two destinations")
    func sharedSourcePort() async throws {
        try await InterfaceBench.run { bench in
            let first = try bench.connect("10.99.0.1:7")
            let port = try Sockets.localEndpoint(first).port
            let second = try bench.namespace.run { () throws(SystemError) in
                let made = Descriptor(socket(AF_INET, CInt(SOCK_STREAM.rawValue), 0))
                try Sockets.set(made, SOL_SOCKET, SO_REUSEADDR, 1)
                try Sockets.set(first, SOL_SOCKET, SO_REUSEADDR, 1)
                let own = InternetEndpoint(VirtualAddresses.standard.ownV4, port: port)
                guard own.withSocketAddress({ bind(made.rawValue, $0, $1) }) == 0 else { throw .last("bind") }
                let peer = InternetEndpoint(InternetAddress(v4: 0x0a63_0002), port: 7)
                guard peer.withSocketAddress({ Glibc.connect(made.rawValue, $0, $1) }) == 0 else {
                    throw .last("connect")
                }
                return made
            }
            try echo(first, "one")
            try echo(second, "two")
        }
    }

    @Test("Two hundred connections at once")
    func parallel() async throws {
        try await InterfaceBench.run { bench in
            let sockets = try (0..<200).map { try bench.connect("10.99.\($0 / 100).\($0 % 100 + 1):7") }
            for (index, socket) in sockets.enumerated() { try echo(socket, "connection \(index)") }
            #expect(try bench.counters().connections == 200)
        }
    }

    @Test("UDP is echoed, also when long", arguments: ["10.99.0.1:7", "[fd99::1]:7"])
    func udp(destination: String) async throws {
        try await InterfaceBench.run { bench in
            let endpoint = try #require(InternetEndpoint(destination))
            let socket = try bench.namespace.connectUDP(endpoint)
            for text in ["hello", "", String(repeating: "x", count: 1400)] { try ask(socket, text, answer: text) }
            #expect(try bench.counters().datagrams >= 3)
            #expect(bench.log.all.filter { $0.hasPrefix("udp") }.count == 1)
        }
    }

    @Test("UDP to a refused port is ECONNREFUSED", arguments: ["10.99.0.1:9", "[fd99::1]:9"])
    func udpRefused(destination: String) async throws {
        try await InterfaceBench.run { bench in
            let socket = try bench.namespace.connectUDP(try #require(InternetEndpoint(destination)))
            var byte: UInt8 = 1
            var told = false
            for _ in 0..<20 where !told {
                // The next one may be told of what became of the one before.
                guard send(socket.rawValue, &byte, 1, 0) == 1 else { break }
                told = try Sockets.wait(socket, CInt(POLLIN), 1000)
            }
            let failed = !told || recv(socket.rawValue, &byte, 1, Int32(MSG_DONTWAIT)) == -1
            let code = errno
            let counters = try bench.counters()
            #expect(failed && code == ECONNREFUSED, "the far side saw \(bench.log.all), the interface \(counters)")
        }
    }

    @Test("The resolver answers by UDP and TCP, and only on its port")
    func resolver() async throws {
        try await InterfaceBench.run { bench in
            let socket = try bench.namespace.connectUDP(try #require(InternetEndpoint("246.246.0.2:53")))
            try ask(socket, "who?", answer: "answer to who?")
            bench.log.add("udp done")
            try echo(bench.connect("246.246.0.2:53"), "stream")
            bench.log.add("v4 done")
            try echo(bench.connect("[fd00:0:0:246::2]:53"), "stream")
            let codeECONNREFUSED = try bench.failure("246.246.0.2:80")
            #expect(codeECONNREFUSED == ECONNREFUSED)
        }
    }

    @Test("A stranger on the listener is turned away")
    func stranger() async throws {
        try await InterfaceBench.run { bench in
            let own = VirtualAddresses.standard.ownV4
            let port = try bench.namespace.run { () throws(SystemError) in
                // The listener's port is not told; the kernel lists it.
                let table = try Descriptor.open("/proc/thread-self/net/tcp", flags: O_RDONLY)
                var buffer = [UInt8](repeating: 0, count: 65_536)
                let count = read(table.rawValue, &buffer, buffer.count)
                let text = String(decoding: buffer.prefix(max(count, 0)), as: UTF8.self)
                let line = text.split(separator: "\n").first { $0.contains("0100F6F6:") } ?? ""
                let field = line.split(separator: " ").dropFirst().first?.split(separator: ":").last ?? ""
                return UInt16(field, radix: 16) ?? 0
            }
            let socket = try bench.namespace.connectTCP(InternetEndpoint(own, port: port))
            #expect(try readAll(socket).isEmpty)
        }
    }
}

/// The errno of a dial that is waited for without sleeping; 0 when it is told to have succeeded.
private func eagerDial(_ endpoint: InternetEndpoint) throws(SystemError) -> CInt {
    let made = Descriptor(socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0))
    try made.setNonBlocking(true)
    let begun = endpoint.withSocketAddress { Glibc.connect(made.rawValue, $0, $1) }
    guard begun != 0, errno == EINPROGRESS else { throw .last("connect") }
    let deadline = ContinuousClock.now + .seconds(20)
    while true {
        do throws(SystemError) {
            try Sockets.finishConnecting(made, endpoint, timeoutMilliseconds: 0)
            return 0
        } catch {
            guard error.code == ETIMEDOUT, .now < deadline else { return error.code }
        }
    }
}

private func readAll(_ socket: Descriptor) throws -> [UInt8] {
    var received: [UInt8] = []
    var buffer = [UInt8](repeating: 0, count: 65_536)
    while try Sockets.wait(socket, CInt(POLLIN), 10_000) {
        let count = read(socket.rawValue, &buffer, buffer.count)
        if count <= 0 { return received }
        received += buffer[..<count]
    }
    throw SystemError("read", code: ETIMEDOUT)
}

private func receive(_ socket: Descriptor) throws -> String {
    var buffer = [UInt8](repeating: 0, count: 65_536)
    guard try Sockets.wait(socket, CInt(POLLIN), 10_000) else { throw SystemError("receive", code: ETIMEDOUT) }
    let count = recv(socket.rawValue, &buffer, buffer.count, 0)
    guard count >= 0 else { throw SystemError.last("receive") }
    return String(decoding: buffer.prefix(count), as: UTF8.self)
}

private func echo(_ socket: Descriptor, _ text: String) throws {
    var bytes = Array(text.utf8)
    #expect(send(socket.rawValue, &bytes, bytes.count, 0) == bytes.count)
    #expect(try receive(socket) == text)
}

/// Asks by UDP until the answer comes.
///
/// A busy machine's kernel drops datagrams, also those between its own programs, when its backlog is full. Answers to what
/// was asked before are passed over.
private func ask(_ socket: Descriptor, _ text: String, answer: String) throws {
    var bytes = Array(text.utf8)
    for _ in 0..<20 {
        guard send(socket.rawValue, &bytes, bytes.count, 0) == bytes.count else { throw SystemError.last("send") }
        while try Sockets.wait(socket, CInt(POLLIN), 1000) {
            if try receive(socket) == answer { return }
        }
    }
    throw SystemError("ask", code: ETIMEDOUT)
}
