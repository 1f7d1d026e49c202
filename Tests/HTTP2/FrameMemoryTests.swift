import Testing

@testable import HTTP2

@Suite("Memory of frames")
struct FrameMemoryTests {
    @Test("Buffers for frames begin with a page, are apart, and can be used again")
    func buffers() throws {
        let buffers = try (0..<2000).map { _ in try #require(FrameMemory.allocate(16_394)) }
        #expect(buffers.allSatisfy { FrameMemory.isOurs($0) })
        for (number, buffer) in buffers.enumerated() {
            buffer.initializeMemory(as: UInt8.self, repeating: UInt8(number % 251), count: 16_394)
        }
        for (number, buffer) in buffers.enumerated() {
            let bytes = UnsafeRawBufferPointer(start: buffer, count: 16_394)
            #expect(bytes.allSatisfy { $0 == UInt8(number % 251) })
        }
        #expect(Set(buffers).count == buffers.count)
        for buffer in buffers { FrameMemory.release(buffer) }
    }

    @Test("All else is malloc's", arguments: [1, 1000, 16_383, 17_000, 65_536, 1 << 20])
    func others(size: Int) throws {
        let pointer = try #require(FrameMemory.allocate(size))
        #expect(!FrameMemory.isOurs(pointer))
        FrameMemory.release(pointer)
        FrameMemory.release(nil)
    }

    @Test("A buffer that grows keeps what is in it")
    func growing() throws {
        // As nghttp2 asks for its buffers.
        let buffer = try #require(FrameMemory.resize(nil, 16_384))
        #expect(FrameMemory.isOurs(buffer))
        buffer.initializeMemory(as: UInt8.self, repeating: 7, count: 16_384)
        #expect(FrameMemory.resize(buffer, 17_000) == buffer)
        let larger = try #require(FrameMemory.resize(buffer, 65_546))
        #expect(!FrameMemory.isOurs(larger))
        #expect(UnsafeRawBufferPointer(start: larger, count: 16_384).allSatisfy { $0 == 7 })
        let largest = try #require(FrameMemory.resize(larger, 131_072))
        #expect(UnsafeRawBufferPointer(start: largest, count: 16_384).allSatisfy { $0 == 7 })
        FrameMemory.release(largest)
    }
}
