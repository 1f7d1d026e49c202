import Cluster
import Foundation
import Testing

@testable import Sandbox

@Suite struct ControlSocketTests {
    @Test("messages arrive whole, each with its own descriptors")
    func messages() async throws {
        let (near, far) = try ControlSocket.pair()
        defer { close(far.descriptor) }
        let large = JSONValue.string(String(repeating: "x", count: 3 << 20))
        let sender = Task.detached {
            try near.send(["number": 1], descriptors: [0, 1, 2])
            try near.send(large)
            try near.send(.null, descriptors: [2])
            close(near.descriptor)
        }
        let first = try #require(try far.receive())
        #expect(first.value == ["number": 1] && first.descriptors.count == 3)
        for descriptor in first.descriptors { close(descriptor) }
        let second = try #require(try far.receive())
        #expect(second.value == large && second.descriptors.isEmpty)
        let third = try #require(try far.receive())
        #expect(third.value == .null && third.descriptors.count == 1)
        for descriptor in third.descriptors { close(descriptor) }
        #expect(try far.receive() == nil)
        try await sender.value
    }

    @Test(
        "what is no message is an error, not a trap",
        arguments: [[0, 0, 0, 2, 0x7B], [0xFF, 0, 0, 0], [0, 0], [0, 0, 0, 1, 0x7B]] as [[UInt8]]
    )
    func malformed(bytes: [UInt8]) throws {
        let (near, far) = try ControlSocket.pair()
        defer { close(far.descriptor) }
        #expect(write(near.descriptor, bytes, bytes.count) == bytes.count)
        close(near.descriptor)
        #expect(throws: RuntimeError.self) { try far.receive() }
    }
}
