import Kernel
import Synchronization

/// Descriptors that wait to be fetched, each set under a token that works once.
///
/// Concurrency model: safe from any thread.
final class DescriptorShelf: Sendable {
    private let waiting = Mutex<[[UInt8]: [Descriptor]]>([:])

    /// Puts a set on the shelf; the answer is its token.
    func put(_ descriptors: [Descriptor]) -> [UInt8] {
        var generator = SystemRandomNumberGenerator()
        let token = (0..<16).map { _ in UInt8.random(in: .min ... .max, using: &generator) }
        waiting.withLock { $0[token] = descriptors }
        return token
    }

    /// Takes a set from the shelf; nil for an unknown token.
    func take(_ token: [UInt8]) -> [Descriptor]? {
        waiting.withLock { $0.removeValue(forKey: token) }
    }
}
