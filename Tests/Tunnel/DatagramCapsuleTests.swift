import NIOCore
import Testing
import Tunnel

@Suite struct DatagramCapsuleTests {
    @Test("a datagram is type 0, length, context 0, payload")
    func golden() {
        let capsule = DatagramCapsule.encode(ByteBuffer(bytes: [0xAA, 0xBB]), allocator: ByteBufferAllocator())
        #expect(Array(capsule.readableBytesView) == [0, 3, 0, 0xAA, 0xBB])
        let long = DatagramCapsule.encode(ByteBuffer(repeating: 1, count: 63), allocator: ByteBufferAllocator())
        #expect(Array(long.readableBytesView.prefix(4)) == [0, 0x40, 64, 0])
        let longest = DatagramCapsule.encode(ByteBuffer(repeating: 1, count: 65_527), allocator: ByteBufferAllocator())
        #expect(Array(longest.readableBytesView.prefix(6)) == [0, 0x80, 0, 0xFF, 0xF8, 0])
    }

    @Test("datagrams come out however the stream is cut", arguments: [1, 2, 3, 7, 1000])
    func split(piece: Int) throws {
        var stream = ByteBuffer()
        let sizes = [0, 1, 62, 63, 64, 300, 17_000]
        for size in sizes {
            let payload = ByteBuffer(repeating: UInt8(truncatingIfNeeded: size), count: size)
            stream.writeImmutableBuffer(DatagramCapsule.encode(payload, allocator: ByteBufferAllocator()))
            // Another type, and another context: skipped.
            stream.writeBytes([0x17, 2, 1, 1, 0, 2, 4, 9])
        }
        var capsules = DatagramCapsule()
        var got: [Int] = []
        while stream.readableBytes > 0, let part = stream.readSlice(length: min(piece, stream.readableBytes)) {
            capsules.append(part)
            while let datagram = try capsules.next() { got.append(datagram.readableBytes) }
        }
        #expect(got == sizes)
    }

    @Test("a length beyond any datagram is refused before it is waited for")
    func tooLong() {
        var capsules = DatagramCapsule()
        capsules.append(ByteBuffer(bytes: [0, 0xC0, 0, 0, 0, 1, 0, 0, 0]))
        #expect(throws: DatagramCapsule.Failure.tooLong) { try capsules.next() }
    }
}
