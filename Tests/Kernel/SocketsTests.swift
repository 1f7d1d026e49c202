import Glibc
import Testing

@testable import Kernel

@Suite("Sockets")
struct SocketsTests {
    @Test("A connection whose error somebody else has taken is not one that stands")
    func takenError() throws {
        let endpoint = InternetEndpoint(.loopbackV4, port: 9)
        // A namespace in which certainly nobody listens.
        let socket = try NetworkNamespace.create().run { () throws(SystemError) in
            let made = Descriptor(Glibc.socket(AF_INET, CInt(SOCK_STREAM.rawValue | SOCK_CLOEXEC.rawValue), 0))
            try made.setNonBlocking(true)
            let begun = endpoint.withSocketAddress { Glibc.connect(made.rawValue, $0, $1) }
            guard begun != 0, errno == EINPROGRESS else { throw .last("connect") }
            return made
        }
        #expect(try Sockets.wait(socket, CInt(POLLOUT), 20_000))
        var taken: CInt = 0
        var length = socklen_t(MemoryLayout<CInt>.size)
        #expect(getsockopt(socket.rawValue, SOL_SOCKET, SO_ERROR, &taken, &length) == 0)
        #expect(taken == ECONNREFUSED)
        #expect(throws: SystemError("connect", "\(endpoint)", code: ECONNABORTED)) {
            try Sockets.finishConnecting(socket, endpoint, timeoutMilliseconds: 20_000)
        }
    }
}
