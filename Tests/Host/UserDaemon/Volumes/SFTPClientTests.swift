import Glibc
import Kernel
import TestSupport
import Testing

@testable import Host

/// A client whose server is a list of bytes.
@Suite(.ownThreads) struct SFTPClientTests {
    private static let version: [UInt8] = [0, 0, 0, 5, 2, 0, 0, 0, 3]

    /// A client for which these bytes have come already.
    private static func client(_ bytes: [UInt8], lifeline: CInt = -1) throws -> (SFTPClient, Descriptor) {
        let (near, far) = try UnixSockets.pair()
        #expect(write(far.rawValue, bytes, bytes.count) == bytes.count)
        return (try SFTPClient(near, lifeline: lifeline), far)
    }

    @Test("answers are told apart by their numbers, in whatever order they come")
    func order() throws {
        let (client, far) = try Self.client(
            Self.version + [0, 0, 0, 10, 102, 0, 0, 0, 1, 0, 0, 0, 1, 8] + [
                0, 0, 0, 10, 102, 0, 0, 0, 0, 0, 0, 0, 1, 7,
            ]
        )
        #expect(try client.exchange([.open("a"), .open("b")]) == [.handle([7]), .handle([8])])
        far.close()
    }

    @Test(
        "a server that speaks nonsense is given up",
        arguments: [
            // A number that nobody used, an unknown kind, a length that nobody can mean.
            [0, 0, 0, 10, 102, 0, 0, 0, 5, 0, 0, 0, 1, 8], [0, 0, 0, 5, 77, 0, 0, 0, 0], [0xff, 0, 0, 0, 1],
        ] as [[UInt8]]
    )
    func nonsense(answer: [UInt8]) throws {
        let (client, far) = try Self.client(Self.version + answer)
        defer { far.close() }
        #expect { try client.exchange([.open("a")]) } throws: { error in
            guard case SyncProblem.lost = error else { return false }
            return true
        }
    }

    @Test("a server of an old version, or one that has gone, is given up")
    func gone() throws {
        #expect(throws: SyncProblem.self) { try Self.client([0, 0, 0, 5, 2, 0, 0, 0, 2]) }
        let (client, far) = try Self.client(Self.version)
        far.close()
        #expect(throws: SyncProblem.self) { try client.exchange([.open("a")]) }
    }

    @Test("nobody waits for a server any more once the user daemon has ended")
    func lifeline() throws {
        let (reading, writing) = try Descriptor.pipe()
        let (client, far) = try Self.client(Self.version, lifeline: reading.rawValue)
        writing.close()
        #expect { try client.exchange([.open("a")]) } throws: { error in
            guard case SyncProblem.ended = error else { return false }
            return true
        }
        far.close()
    }
}
