package import NIOCore

/// The body of an answer that goes on: pieces of a watch, or of a log.
///
/// One consumer.
///
/// The server is held back while nobody takes pieces. Letting go of the sequence ends the request.
package struct APIByteStream: AsyncSequence, Sendable {
    package typealias Element = ByteBuffer
    package typealias Failure = any Error

    private let pieces: AsyncThrowingStream<ByteBuffer, any Error>
    private let consume: @Sendable (Int) -> Void

    init(pieces: AsyncThrowingStream<ByteBuffer, any Error>, consume: @escaping @Sendable (Int) -> Void) {
        self.pieces = pieces
        self.consume = consume
    }

    /// Takes pieces one by one; throws ``APIError``.
    package struct AsyncIterator: AsyncIteratorProtocol {
        fileprivate var base: AsyncThrowingStream<ByteBuffer, any Error>.Iterator
        fileprivate let consume: @Sendable (Int) -> Void

        package mutating func next(isolation actor: isolated (any Actor)? = #isolation) async throws -> ByteBuffer? {
            guard let piece = try await base.next(isolation: actor) else { return nil }
            consume(piece.readableBytes)
            return piece
        }
    }

    package func makeAsyncIterator() -> AsyncIterator {
        AsyncIterator(base: pieces.makeAsyncIterator(), consume: consume)
    }
}
