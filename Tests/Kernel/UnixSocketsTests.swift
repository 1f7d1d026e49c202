import Glibc
import Testing

@testable import Kernel

@Suite("Unix sockets")
struct UnixSocketsTests {
    @Test("Descriptors travel with their bytes")
    func descriptors() throws {
        let (left, right) = try UnixSockets.pair()
        let pipe = try Descriptor.pipe()
        try UnixSockets.send([1, 2, 3], descriptors: [pipe.writing, pipe.reading], over: left)
        let received = try UnixSockets.receive(over: right)
        #expect(received.bytes == [1, 2, 3])
        #expect(received.descriptors.count == 2)
        var byte: UInt8 = 42
        #expect(write(received.descriptors[0].rawValue, &byte, 1) == 1)
        byte = 0
        #expect(read(pipe.reading.rawValue, &byte, 1) == 1)
        #expect(byte == 42)
        left.close()
        #expect(try UnixSockets.receive(over: right).bytes.isEmpty)
    }

    @Test("The peer's credentials are the process's own")
    func credentials() throws {
        let path = "/tmp/kernel-test-\(getpid()).socket"
        let listener = try UnixSockets.listen(path)
        defer { unlink(path) }
        let client = try UnixSockets.connect(path)
        let server = try Sockets.accept(listener)
        let credentials = try UnixSockets.peerCredentials(server)
        #expect(credentials.process == getpid() && credentials.user == getuid())
        withExtendedLifetime(client) {}
        #expect(throws: SystemError("listen", path, code: EADDRINUSE)) { try UnixSockets.listen(path) }
    }

    @Test("A dead socket file is replaced")
    func deadFile() throws {
        let path = "/tmp/kernel-test-dead-\(getpid()).socket"
        try UnixSockets.listen(path).close()
        defer { unlink(path) }
        _ = try UnixSockets.listen(path)
    }

    @Test("A path that is too long is refused")
    func longPath() {
        #expect(throws: SystemError.self) { try UnixSockets.connect(String(repeating: "x", count: 200)) }
    }
}
